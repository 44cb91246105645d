"""PagerDuty's own Python clients, old and new, point at Tocsin and notice no difference."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from tests.clients.reading import alerts
from tests.intake_hot.serving import KEY, Serving
from tocsin.intake.models import Change


@pytest.fixture
def client(secure: Serving, certificate: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The present client, which refuses anything but TLS."""
    pagerduty = pytest.importorskip("pagerduty")
    monkeypatch.setenv("SSL_CERT_FILE", certificate[0])
    one = pagerduty.EventsApiV2Client(KEY, base_url=f"https://localhost:{secure.port}")
    one.max_network_attempts = 0
    yield one
    one.close()


def test_the_present_client_over_tls_triggers_acknowledges_and_resolves(client: Any) -> None:
    details = {"free": "1%"}
    assert (
        client.trigger("disk full", "db1", dedup_key="disk", severity="warning", custom_details=details)
        == "disk"
    )
    assert client.trigger("disk full", "db1", dedup_key="disk", severity="critical") == "disk"
    made = client.trigger("network down", "sw1")
    assert client.acknowledge("disk") == "disk"
    seen = alerts()
    assert seen["disk"].count == 2 and seen["disk"].severity == "critical"
    assert seen["disk"].incident.state == "acknowledged"  # type: ignore[union-attr]
    assert seen[made].title == "network down"
    client.resolve("disk")
    assert alerts()["disk"].state == "resolved"


def test_a_change_event_is_kept_as_context(client: Any) -> None:
    client.send_change_event(
        {"summary": "v12 out", "source": "ci", "timestamp": "2026-03-02T09:00:00+00:00Z"},
        links=[{"href": "https://ci.example/12", "text": "build"}],
    )
    assert alerts() == {}
    change = Change.objects.get()
    assert change.title == "v12 out" and change.links == [["build", "https://ci.example/12"]]


def test_the_client_is_told_what_is_wrong_and_does_not_try_again(client: Any) -> None:
    pagerduty = pytest.importorskip("pagerduty")
    with pytest.raises(pagerduty.HttpError) as refused:
        client.send_event("trigger", payload={"summary": "x", "source": "y", "severity": "purple"})
    assert refused.value.response.status_code == 400
    assert "payload.severity" in refused.value.response.json()["errors"][0]


def test_the_old_and_widespread_client_over_plain_http(serving: Serving) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own, about its successor
        pdpyras = pytest.importorskip("pdpyras")
        with pdpyras.EventsAPISession(KEY) as session:
            session.url = f"http://localhost:{serving.port}"
            assert session.trigger("disk full", "db1", dedup_key="disk") == "disk"
            made = session.trigger("other", "db2")
            session.acknowledge("disk")
            session.resolve(made)
    seen = alerts()
    assert (seen["disk"].state, seen[made].state) == ("firing", "resolved")
