"""Which channel serves an address. Whoever starts the program registers them; the rooms know none by name."""

from __future__ import annotations

from tocsin.kernel.errors import Refused
from tocsin.notification.rules import Channel

ADDRESS_LENGTH_MAX = 500  # of the column that keeps it

_by_scheme: dict[str, Channel] = {}


def register(channel: Channel) -> None:
    """Let `channel` serve its schemes from now on; one that served them before no longer does."""
    for scheme in channel.schemes:
        _by_scheme[scheme] = channel


def channel_for(address: str) -> Channel:
    """The channel that serves `address`. Raises Refused with the schemes there are."""
    scheme = address.partition(":")[0].strip().lower() if ":" in address else ""
    channel = _by_scheme.get(scheme)
    if channel is None:
        known = ", ".join(f"{name}:" for name in sorted(_by_scheme)) or "none: no channel is set up"
        raise Refused(
            f"Nothing is known that delivers to {address[:80]!r}",
            f"an address that begins with one of {known}",
            "Write something like mailto:ada@example.com or https://example.com/hook.",
            "address",
        )
    return channel


def check_address(address: object) -> str:
    """`address` in its plain form, as it is stored. Raises Refused when no channel can deliver to it."""
    if not isinstance(address, str) or not address.strip():
        raise Refused("A contact needs an address", "text such as mailto:ada@example.com", where="address")
    plain = channel_for(address.strip()).check(address.strip())
    if len(plain) > ADDRESS_LENGTH_MAX:
        raise Refused(
            f"The address is {len(plain)} characters long", f"at most {ADDRESS_LENGTH_MAX}", where="address"
        )
    return plain
