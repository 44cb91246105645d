"""Logs say nothing that opens something."""

from __future__ import annotations

import pytest

from tocsin.site.logs import hide_secrets, without_secrets


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Not Found: /a/abc123", "Not Found: /a/…"),
        ("POST /hooks/0123abcd/grafana", "POST /hooks/…/grafana"),
        ("GET /ping/0123abcd/fail", "GET /ping/…/fail"),
        ("/sign-in/link/in_12ab failed", "/sign-in/link/… failed"),
        ("smtp://tocsin:geheim@mail.example.com:587", "smtp://tocsin:…@mail.example.com:587"),
        ("see http://example.com/incidents/12", "see http://example.com/incidents/12"),
    ],
)
def test_addresses_lose_what_opens_something(said: str, kept: str) -> None:
    assert without_secrets(said) == kept


def test_values_that_are_secrets_by_name_are_struck_out() -> None:
    event = {"event": "signed in", "password": "x", "api_key": "y", "Authorization": "z", "dedup": "kept"}
    assert hide_secrets(None, "info", event) == {
        "event": "signed in",
        "password": "…",
        "api_key": "…",
        "Authorization": "…",
        "dedup": "kept",
    }
