"""Ask a provider who somebody is there, and write down what an account with its vendor begins with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tocsin.kernel.errors import Refused, conflict, not_found
from tocsin.notification.accounts import callback_url, ready
from tocsin.notification.deadline import within
from tocsin.notification.models import Provider
from tocsin.notification.providers import find_provider
from tocsin.notification.rules import SEND_DEADLINE
from tocsin.notification.vendors import Finds, Manifests, vendors

EMAIL_LENGTH_MAX = 254


def find_address(provider_id: str, email: str) -> str:
    """The contact address of whoever has `email` with the provider. Takes up to SEND_DEADLINE. Raises Refused when
    nobody has, or it cannot be asked."""
    row = find_provider(provider_id)
    mailbox = email.strip()
    if "@" not in mailbox.strip("@") or len(mailbox) > EMAIL_LENGTH_MAX:
        raise Refused("This is no e-mail address", "one such as ada@example.com", where="email")
    opened = ready().opened.get(provider_id)
    if opened is None or opened.channel is None:
        why = opened.problem if opened is not None else "it is switched off"
        raise conflict(f"Provider {row} cannot be asked: {why}", "Mend that first.")
    if not isinstance(opened.channel, Finds):
        raise conflict(f"Provider {row} knows nobody by their e-mail address", "Write the address by hand.")
    with within(SEND_DEADLINE.total_seconds()):
        return opened.channel.find(mailbox)


def manifest_of(kind: str, provider_id: str = "") -> tuple[str, Mapping[str, Any]]:
    """The id of an account with the vendor, the next free one unless given, and the description of an app that calls
    us there. Raises Refused where there is none."""
    vendor = vendors().get(kind)
    if vendor is None:
        raise not_found("vendor", kind)
    if not isinstance(vendor, Manifests):
        raise conflict(
            f"An account with {vendor.title} begins with no manifest", "Fill in its fields instead."
        )
    account = provider_id or free_id(kind)
    return account, vendor.manifest(callback_url(account))


def free_id(kind: str) -> str:
    """An id that no account has: the vendor's name, with a number when there are several."""
    taken = set(Provider.objects.values_list("pk", flat=True))
    names = (kind, *(f"{kind}-{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)
