"""Which channel serves an address.

Channels that need no account are registered by whoever starts the program; those of vendors are the providers that
the organisation has. The rooms know none by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from tocsin.kernel.errors import Refused
from tocsin.notification import accounts
from tocsin.notification.rules import Blame, Channel, Failed, Limits, Message
from tocsin.notification.vendors import Shows, Vendor, vendors

ADDRESS_LENGTH_MAX = 500  # of the column that keeps it

_by_scheme: dict[str, Channel] = {}


def channel_word(address: str) -> str:
    """The scheme of a contact address, which names its channel."""
    return address.partition(":")[0]


def register(channel: Channel) -> None:
    """Let `channel` serve its schemes from now on; one that served them before no longer does."""
    for scheme in channel.schemes:
        _by_scheme[scheme] = channel


def fixed_channels() -> Mapping[str, Channel]:
    """The channels that need no account, by scheme."""
    return dict(_by_scheme)


def get_ready() -> None:
    """Have what `channel_at_hand` answers be as the configuration is now."""
    accounts.ready()


def channel_for(address: str) -> Channel:
    """The channel that serves `address`; one that always fails, saying why, when no provider is set up for it.
    Raises Refused with the schemes there are."""
    scheme = scheme_of(address)
    return _by_scheme.get(scheme) or accounts.ready().by_scheme.get(scheme) or _unserved(scheme, address)


def channel_at_hand(address: str) -> Channel:
    """The same without asking the database, as things were when somebody last did: for threads that only send."""
    scheme = scheme_of(address)
    return _by_scheme.get(scheme) or accounts.at_hand().by_scheme.get(scheme) or _unserved(scheme, address)


def check_address(address: object) -> str:
    """`address` in its plain form, as it is stored. Raises Refused when no channel could deliver to it.

    One that waits for its provider may be stored: the vendor knows how it is written.
    """
    if not isinstance(address, str) or not address.strip():
        raise Refused("A contact needs an address", "text such as mailto:ada@example.com", where="address")
    plain = _checker(address.strip()).check(address.strip())
    if len(plain) > ADDRESS_LENGTH_MAX:
        raise Refused(
            f"The address is {len(plain)} characters long", f"at most {ADDRESS_LENGTH_MAX}", where="address"
        )
    return plain


def is_served(address: str) -> bool:
    """Whether something is set up that delivers to `address`."""
    scheme = scheme_of(address)
    return scheme in _by_scheme or scheme in accounts.ready().by_scheme


def shown_address(address: str) -> str:
    """The address for its own person's eyes: as it is, or what its channel says in the place of a secret."""
    try:
        checker = _checker(address)
    except Refused:
        return address
    return checker.shown(address) if isinstance(checker, Shows) else address


def scheme_of(address: str) -> str:
    """What stands before the colon of an address; "" without one."""
    return address.partition(":")[0].strip().lower() if ":" in address else ""


def _checker(address: str) -> Channel | Vendor:
    scheme = scheme_of(address)
    return _by_scheme.get(scheme) or _vendor_for(scheme) or _unserved(scheme, address)


def _vendor_for(scheme: str) -> Vendor | None:
    return next((vendor for vendor in vendors().values() if scheme in vendor.schemes), None)


def _unserved(scheme: str, address: str) -> Channel:
    """The channel of a scheme that a vendor could serve. Raises Refused for one that nobody could."""
    if scheme and (vendor := _vendor_for(scheme)) is not None:
        return _NoProvider(scheme, vendor)
    words = sorted({*_by_scheme, *(scheme for vendor in vendors().values() for scheme in vendor.schemes)})
    known = ", ".join(f"{name}:" for name in words) or "none: no channel is set up"
    raise Refused(
        f"Nothing is known that delivers to {address[:80]!r}",
        f"an address that begins with one of {known}",
        "Write something like mailto:ada@example.com or https://example.com/hook.",
        "address",
    )


class _NoProvider:
    """Stands where no provider is switched on for a scheme: what is sent fails at once, and says what is missing."""

    limits = Limits()

    def __init__(self, scheme: str, vendor: Vendor) -> None:
        self.schemes: Sequence[str] = (scheme,)
        self.name = scheme
        self._vendor = vendor

    def check(self, address: str) -> str:
        """The address in its plain form. Raises Refused."""
        return self._vendor.check(address)

    def send(self, address: str, to_name: str, message: Message, now: datetime) -> Failed:
        """It does not go, and no retry helps."""
        why = f"no provider is set up for {self.name}: an administrator adds one under Settings, Ways to reach people"
        return Failed(why, again=False, blame=Blame.PROVIDER)
