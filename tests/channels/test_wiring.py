"""Which channel serves which address, and what a setting that cannot be read does at the start."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tocsin import channels
from tocsin.channels import signing
from tocsin.kernel.errors import Refused
from tocsin.notification import channels as registry
from tocsin.notification.channels import channel_for, check_address


@dataclass(frozen=True)
class Around:
    url: str = "https://tocsin.example.com"
    smtp_url: str = "smtp://mail.example.com?from=tocsin@example.com"
    allowed_networks: tuple[str, ...] = ("10.0.0.0/8",)


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_by_scheme", {})


def test_wiring_serves_every_kind_of_address() -> None:
    channels.wire(Around(), "the instance's key")

    assert channel_for("mailto:ada@example.com").name == "e-mail"
    assert channel_for("https://example.com/").name == channel_for("HTTP://example.com/").name == "webhook"
    assert channel_for("console:ada").name == "message console"
    assert check_address(" MAILTO:Ada@Example.com ") == "mailto:Ada@example.com"
    assert check_address("http://10.1.2.3:8080") == "http://10.1.2.3:8080/"
    assert check_address("console:Ada") == "console:ada"
    assert len(signing.secret_for("https://example.com/")) == 64


@pytest.mark.parametrize("address", ["pigeon:ada", "ada@example.com", "fax:+34600000000", ":x"])
def test_an_unknown_scheme_is_refused_with_those_there_are(address: str) -> None:
    channels.wire(Around(), "the instance's key")
    with pytest.raises(Refused, match="console:, http:, https:, mailto:"):
        check_address(address)


@pytest.mark.parametrize("address", ["", "  ", None, 7, ["mailto:ada@example.com"]])
def test_what_is_no_address_at_all_is_refused_in_words(address: object) -> None:
    with pytest.raises(Refused, match="A contact needs an address"):
        check_address(address)


@pytest.mark.parametrize("address", ["console:", "console:a b", "console:../x", "console:" + "x" * 65])
def test_a_place_in_the_console_is_a_short_name(address: str) -> None:
    channels.wire(Around(), "the instance's key")
    with pytest.raises(Refused, match="not a place in the message console"):
        check_address(address)


def test_an_address_longer_than_its_column_is_refused() -> None:
    channels.wire(Around(), "the instance's key")
    with pytest.raises(Refused, match="at most 500"):
        check_address("https://example.com/" + "x" * 500)


@pytest.mark.parametrize(
    ("around", "where"),
    [
        (Around(smtp_url="http://mail.example.com"), "TOCSIN_SMTP_URL"),
        (Around(allowed_networks=("the office",)), "TOCSIN_ALLOWED_NETWORKS"),
    ],
)
def test_a_setting_that_cannot_be_read_stops_the_start(around: Around, where: str) -> None:
    with pytest.raises(Refused) as refused:
        channels.wire(around, "the instance's key")
    assert refused.value.where == where


def test_without_a_key_there_are_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "_key", b"")
    with pytest.raises(RuntimeError, match=r"wire\(\) has not run"):
        signing.secret_for("https://example.com/")
