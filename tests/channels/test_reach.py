"""Where a webhook may go: public addresses, and what the administrator allows."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.channels.reach import Reach, read_target
from tocsin.kernel.errors import Refused

# Ways to write an inner address, or to smuggle one past a careless reader.
INNER = (
    "http://127.0.0.1/",
    "http://127.1/",
    "http://127.0.1/",
    "http://0/",
    "http://0.0.0.0/",
    "http://2130706433/",
    "http://0x7f.1/",
    "http://0x7f000001/",
    "http://0x7f.0x0.0x0.0x1/",
    "http://0177.0.0.1/",
    "http://017700000001/",
    "http://127.0.0.1./",
    "http://127.0.0.01/",
    "http://127.255.255.254/",
    "http://10.0.0.1/",
    "http://172.16.5.4/",
    "http://172.31.255.255/",
    "http://192.168.1.1/",
    "http://100.64.0.1/",
    "http://100.127.255.255/",
    "http://169.254.1.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://2852039166/",
    "http://0xa9fea9fe/",
    "http://100.100.100.200/",
    "http://168.63.129.16/",
    "http://192.0.0.192/",
    "http://192.0.2.1/",
    "http://198.18.0.1/",
    "http://198.51.100.7/",
    "http://203.0.113.9/",
    "http://192.88.99.1/",
    "http://224.0.0.1/",
    "http://239.255.255.250/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "http://[::]/",
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[::ffff:10.0.0.1]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b::169.254.169.254]/",
    "http://[64:ff9b:1::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[2002:a9fe:a9fe::1]/",
    "http://[2001:0:7f00:1::]/",
    "http://[2001:db8::1]/",
    "http://[fe80::1]/",
    "http://[fe80::1%25eth0]/",
    "http://[fe80::1%eth0]/",
    "http://[fc00::1]/",
    "http://[fd00::1]/",
    "http://[fd00:ec2::254]/",
    "http://[ff02::1]/",
    "http://[::ffff:0:127.0.0.1]/",
    "http://[100::1]/",
    "http://[3fff::1]/",
    "http://１２７.0.0.1/",
    "http://①②⑦.0.0.1/",
    "http://127。0。0。1/",
)
# Not web addresses at all, or with something in them that does not belong there.
UNFIT = (
    "file:///etc/passwd",
    "gopher://example.com/_x",
    "ftp://example.com/",
    "unix:///var/run/docker.sock",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/",
    "http://%2Fvar%2Frun%2Fdocker.sock/",
    "data:text/plain,x",
    "//example.com/",
    "https:///path",
    "https:example.com",
    "https://user@example.com/",
    "https://user:pass@example.com/",
    "https://example.com@127.0.0.1/",
    "https://@example.com/",
    "https://example.com:22/",
    "https://example.com:25/",
    "http://example.com:6379/",
    "http://example.com:0/",
    "http://example.com:65536/",
    "http://example.com:8o/",
    "http://example.com\\@127.0.0.1/",
    "http://exa mple.com/",
    "http://example.com/\r\nHost: inner",
    "http://example.com/\n",
    "http://example.com/\x00",
    "http://example..com/",
    "http://-example.com/",
    "http://[::1/",
    "http://[gg::1]/",
    "http://" + "a" * 300 + ".com/",
)


def objection_to(url: str, reach: Reach) -> str | None:
    """Why `url` would not be connected to: at reading, or at the address it names."""
    try:
        target = read_target(url)
    except Refused as refused:
        return str(refused)
    assert target.literal is not None, f"{target} was read as a name"
    return reach.objection(target.literal)


@pytest.mark.parametrize("url", INNER)
def test_no_way_of_writing_an_inner_address_gets_through(url: str) -> None:
    assert len(INNER) >= 60
    assert objection_to(url, Reach())


@pytest.mark.parametrize("url", UNFIT)
def test_what_is_not_a_plain_web_address_is_refused_in_words(url: str) -> None:
    with pytest.raises(Refused) as refused:
        read_target(url)
    assert refused.value.where == "address"
    assert "https://example.com/hook" in str(refused.value)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "1.1.1.1",
        "172.32.0.1",
        "100.128.0.1",
        "2606:4700::1111",
        "64:ff9b::8.8.8.8",
        "::ffff:8.8.8.8",
    ],
)
def test_public_addresses_may_be_reached(address: str) -> None:
    assert Reach().objection(ip_address(address)) is None


def test_an_allowed_network_opens_itself_and_nothing_else() -> None:
    reach = Reach.of(["10.1.0.0/16", "fd12::/16"])

    assert reach.objection(ip_address("10.1.2.3")) is None
    assert reach.objection(ip_address("::ffff:10.1.2.3")) is None
    assert reach.objection(ip_address("fd12::7")) is None
    assert reach.objection(ip_address("10.2.0.1"))
    assert reach.objection(ip_address("127.0.0.1"))
    assert reach.objection(ip_address("fd13::7"))


def test_where_clouds_keep_credentials_is_refused_even_inside_an_allowed_network() -> None:
    reach = Reach.of(["0.0.0.0/0", "::/0"])

    assert reach.objection(ip_address("127.0.0.1")) is None
    for address in ("169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "fd00:ec2::254"):
        assert "credentials" in (reach.objection(ip_address(address)) or "")


def test_a_network_that_cannot_be_read_is_refused_at_the_start() -> None:
    with pytest.raises(Refused) as refused:
        Reach.of(["10.0.0.0/8", "office"])
    assert refused.value.where == "TOCSIN_ALLOWED_NETWORKS"


def test_a_web_address_has_one_plain_form() -> None:
    assert str(read_target("HTTPS://Example.COM")) == "https://example.com/"
    assert str(read_target("https://example.com:443/a?b=c#d")) == "https://example.com/a?b=c"
    assert str(read_target("http://example.com.:8080/ä")) == "http://example.com:8080/%C3%A4"
    assert str(read_target("https://bücher.example/x")) == "https://xn--bcher-kva.example/x"
    assert str(read_target("http://[2606:4700:0::1111]:81/")) == "http://[2606:4700::1111]:81/"


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_and_reading_its_plain_form_changes_nothing(text: str) -> None:
    try:
        target = read_target("http://" + text)
    except Refused:
        return
    assert read_target(str(target)) == target
    assert str(target).isascii() and str(target).isprintable()
