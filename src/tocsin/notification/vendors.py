"""The vendors there are: what an account with each needs. Whoever starts the program registers them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from tocsin.notification.rules import Channel, Failed


@dataclass(frozen=True)
class Field:
    """One thing an account needs. A secret one is sealed, and never shown again."""

    name: str  # as in the organisation file: "account_sid"
    label: str  # as on the screen: "Account SID"
    help: str = ""  # where to find it, in one sentence
    secret: bool = False
    required: bool = True
    default: str = ""


@dataclass(frozen=True)
class Account:
    """One provider, as its vendor's file gets it: the values of its fields, and our address for its callbacks."""

    id: str
    settings: Mapping[str, str] = field(repr=False)
    callback_url: str = ""  # https://tocsin.example.com/channels/ID; "/" and a word may be added


class Vendor(Protocol):
    """One file under channels/. Opening an account connects to nothing."""

    kind: str  # in the organisation file: "twilio"
    title: str  # on the screen
    schemes: Sequence[str]
    fields: Sequence[Field]
    hears: bool  # whether the vendor also calls us: with events, replies or receipts

    def check(self, address: str) -> str:
        """A contact address of one of `schemes` in its plain form. Raises Refused."""

    def open(self, account: Account) -> Channel:
        """The channel of this account; where it `hears`, with `hear` (`notification.hearing.Hears`). Raises Refused
        for settings that cannot be right, with the field's name as `where`."""


@runtime_checkable
class Manifests(Protocol):
    """A vendor where an account begins with a description of the app, which we can write."""

    def manifest(self, callback_url: str) -> Mapping[str, Any]:
        """The description, as JSON, of an app that calls us at `callback_url`. Nothing in it is secret."""


@runtime_checkable
class Introduces(Protocol):
    """A channel whose provider is told by a call of ours where to call us."""

    def introduce(self) -> Failed | None:
        """Tell the provider our address for its callbacks; None when it agreed. Asked for by an administrator."""


@runtime_checkable
class Finds(Protocol):
    """A channel whose provider knows people by their e-mail address."""

    def find(self, email: str) -> str:
        """The contact address of whoever has `email` there. Raises Refused when nobody has, or it cannot be asked."""


@runtime_checkable
class Shows(Protocol):
    """A channel or vendor whose addresses are secrets that no one needs to read."""

    def shown(self, address: str) -> str:
        """What people see in the address's place."""


@runtime_checkable
class Parted(Protocol):
    """A channel whose schemes carry different things, and so have limits of their own: SMS and calls."""

    def part(self, scheme: str) -> Channel:
        """The channel of one scheme."""


def part_of(channel: Channel, scheme: str) -> Channel:
    """What serves `scheme` of an account's channel."""
    return channel.part(scheme) if isinstance(channel, Parted) else channel


_vendors: dict[str, Vendor] = {}


def register_vendor(vendor: Vendor) -> None:
    """Let accounts of `vendor` be opened from now on."""
    _vendors[vendor.kind] = vendor


def vendors() -> Mapping[str, Vendor]:
    """Every vendor, by its kind."""
    return dict(_vendors)
