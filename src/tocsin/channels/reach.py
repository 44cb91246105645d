"""Which addresses this program may connect to when somebody else wrote down where. Pure.

Only public addresses, except for networks the administrator allows; the addresses where clouds keep
credentials, never. Names are judged by what they resolve to, at the moment of connecting (see outgoing.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from urllib.parse import quote, urlsplit

import idna

from tocsin.kernel.errors import Refused

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

HOST_LENGTH_MAX = 253

# Where clouds hand out credentials to whoever asks from inside; 168.63.129.16 is even a public address.
METADATA = frozenset(
    ip_address(text)
    for text in (
        "169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::254", "fd00:ec2::23",
        "100.100.100.200", "192.0.0.192", "168.63.129.16", "fd20:ce::254",
    )
)  # fmt: skip
# IANA's special-purpose registry. Kept here because `is_global` differs between Python's versions.
_SPECIAL_V4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
        "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
_GLOBAL_V6 = IPv6Network("2000::/3")
_SPECIAL_V6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, Teredo and ORCHID among them
        "2001:db8::/32", "3fff::/20",  # documentation
        "2002::/16",  # 6to4: an IPv4 address in disguise
    )
)  # fmt: skip
# IPv6-only networks reach public IPv4 hosts through it: the inner address counts.
_NAT64 = IPv6Network("64:ff9b::/96")
# Services that read commands line by line would obey a request's text; none of them is a webhook.
PORTS_DENIED = frozenset(
    (
        0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101,
        102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 138, 139, 143, 161, 162, 179,
        389, 427, 445, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601,
        636, 873, 989, 990, 993, 995, 1433, 1521, 1719, 1720, 1723, 2049, 2375, 2376, 2379, 2380, 3306,
        3389, 3659, 4045, 4190, 5060, 5061, 5432, 5900, 6000, 6379, 6566, 6665, 6666, 6667, 6668, 6669,
        6679, 6697, 10080, 10250, 11211, 27017,
    )
)  # fmt: skip


@dataclass(frozen=True)
class Reach:
    """The inner networks that may be reached besides the public ones."""

    allowed: tuple[Network, ...] = ()

    @classmethod
    def of(cls, texts: Sequence[str]) -> Reach:
        """Read networks such as 10.1.0.0/16. Raises Refused."""
        try:
            return cls(tuple(ip_network(text.strip(), strict=False) for text in texts))
        except ValueError as error:
            raise Refused(
                f"An allowed network cannot be read: {error}",
                "networks such as 127.0.0.0/8,10.1.0.0/16",
                where="TOCSIN_ALLOWED_NETWORKS",
            ) from error

    def objection(self, address: Address) -> str | None:
        """Why `address` may not be connected to, or None when it may."""
        inner = _inner(address)
        if address in METADATA or inner in METADATA:
            return "it is where a cloud keeps its credentials"
        if self.allows(address) or _is_public(inner):
            return None
        return "it is not a public address, and TOCSIN_ALLOWED_NETWORKS does not name its network"

    def allows(self, address: Address) -> bool:
        """Whether the administrator named a network with `address` in it."""
        inner = _inner(address)
        return any(inner in network for network in self.allowed if network.version == inner.version)


def _inner(address: Address) -> Address:
    """The IPv4 address that a mapped or NAT64 one stands for, else the address itself."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_V4)
    return (
        address.scope_id is None
        and address in _GLOBAL_V6
        and not any(address in network for network in _SPECIAL_V6)
    )


@dataclass(frozen=True)
class Target:
    """A web address, taken apart and in its plain form."""

    scheme: str
    host: str  # a name in ASCII, or an address without brackets
    port: int
    path: str  # with the query

    @property
    def netloc(self) -> str:
        """The host as it stands in a Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def literal(self) -> Address | None:
        """The host when it is an address and not a name."""
        try:
            return ip_address(self.host)
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}{self.path}"


_PORTS = {"http": 80, "https": 443}
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\Z")
_UNFIT = re.compile(r"[\x00-\x20\x7f-\x9f\\<>\"^`{|}\s]")  # and what no two parsers read alike


def read_target(text: str) -> Target:
    """Take a web address apart. Raises Refused for whatever two readers might understand differently."""
    if _UNFIT.search(text):
        raise _refused("it has a space, a backslash or another character that does not belong there")
    try:
        parts = urlsplit(text)
        port, host = parts.port, parts.hostname or ""
    except ValueError as error:
        raise _refused(str(error)) from error
    if parts.scheme not in _PORTS:
        raise _refused(f"{parts.scheme or 'nothing'}:// is not spoken here")
    if "@" in parts.netloc:
        raise _refused("it has a user or password in it", "Leave it out; the signature says who calls.")
    port = _PORTS[parts.scheme] if port is None else port
    if port in PORTS_DENIED:
        raise _refused(f"port {port} belongs to something that is not a web server")
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
    query = f"?{quote(parts.query, safe='/%:@!$&()*+,;=~?[]')}" if parts.query else ""
    return Target(parts.scheme, _plain_host(host, bracketed="[" in parts.netloc), port, path + query)


def _plain_host(host: str, bracketed: bool) -> str:
    if bracketed:
        try:
            if "%" in host:
                raise ValueError("a zone belongs to one machine")
            return str(IPv6Address(host))
        except ValueError as error:
            raise _refused(f"[{host}] is not an address: {error}") from error
    host = host.rstrip(".")
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode()
        except idna.IDNAError as error:
            raise _refused(f"its host is not a name: {error}") from error
    labels = host.split(".")
    if len(host) > HOST_LENGTH_MAX or not all(_LABEL.match(label) for label in labels):
        raise _refused("its host is not a name" if host else "it names no host")
    # 2130706433, 0x7f.1 and 0177.0.0.1 are addresses to some readers and names to others.
    if re.match(r"(?:[0-9]+|0x[0-9a-f]*)\Z", labels[-1]):
        try:
            return str(IPv4Address(host))
        except ValueError as error:
            raise _refused(f"{host} is not an address in its plain form") from error
    return host


def _refused(why: str, mend: str = "") -> Refused:
    return Refused(
        f"This web address cannot be used: {why}",
        "an address such as https://example.com/hook",
        mend or "Copy the address again from where it comes from.",
        "address",
    )
