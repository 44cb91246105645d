"""Opsgenie's own SDK points at Tocsin: one base address changed, nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.clients.reading import alerts
from tests.intake_hot.serving import KEY, Serving


@pytest.fixture
def sdk() -> Any:
    return pytest.importorskip("opsgenie_sdk")


@pytest.fixture
def api(sdk: Any, serving: Serving) -> Iterator[Any]:
    settings = sdk.configuration.Configuration()
    settings.host = f"http://127.0.0.1:{serving.port}"
    settings.api_key["Authorization"] = KEY
    settings.retry_enabled = False
    settings.short_polling_max_retries = 0
    client = sdk.api_client.ApiClient(configuration=settings)
    yield sdk.AlertApi(api_client=client)
    client.rest_client.pool_manager.clear()


def test_create_acknowledge_note_and_close_by_alias(sdk: Any, api: Any) -> None:
    created = api.create_alert(
        sdk.CreateAlertPayload(
            message="Payment is down", alias="pay", description="502", priority="P1", tags=["prod"],
            responders=[{"name": "pay", "type": "team"}], visible_to=[{"name": "pay", "type": "team"}],
            details={"region": "eu"},
        )
    )  # fmt: skip
    assert created.result == "Request will be processed"
    seen = alerts()["pay"]
    assert (seen.title, seen.severity, seen.fields["region"]) == ("Payment is down", "critical", "eu")
    told = created.retrieve_result()
    assert told.data.is_success and told.data.alias == "pay"
    assert created.retrieve_resulting_action().data.message == "Payment is down"

    mine = sdk.AcknowledgeAlertPayload(user="bo")
    api.acknowledge_alert("pay", identifier_type="alias", acknowledge_alert_payload=mine)
    api.add_note("pay", sdk.AddNoteToAlertPayload(note="looking"), identifier_type="alias")
    api.update_alert_message(
        "pay", sdk.UpdateAlertMessagePayload(message="Payment is slow"), identifier_type="alias"
    )
    seen = alerts()["pay"]
    assert seen.incident.state == "acknowledged" and seen.title == "Payment is slow"  # type: ignore[union-attr]
    assert api.get_alert(told.data.alert_id).data.acknowledged is True
    assert [alert.alias for alert in api.list_alerts(query="status:open").data] == ["pay"]

    api.close_alert(told.data.alert_id, close_alert_payload=sdk.CloseAlertPayload(source="ci"))
    assert alerts()["pay"].state == "resolved"
    api.create_alert(sdk.CreateAlertPayload(message="again", alias="again"))
    alerts()
    api.delete_alert("again", identifier_type="alias")
    assert alerts()["again"].state == "resolved"


def test_what_is_not_done_is_refused_and_never_said_to_be_processed(sdk: Any, api: Any) -> None:
    for call in (
        lambda: api.un_acknowledge_alert("pay", identifier_type="alias"),
        lambda: api.create_alert(sdk.CreateAlertPayload(message=" ")),
    ):
        with pytest.raises(sdk.exceptions.ConfigurationException) as refused:
            call()
        assert refused.value.status == 422


def test_a_wrong_key_is_told_so(sdk: Any, api: Any) -> None:
    api.api_client.configuration.api_key["Authorization"] = "wrong"
    with pytest.raises(sdk.exceptions.AuthenticationException) as refused:
        api.create_alert(sdk.CreateAlertPayload(message="x"))
    assert refused.value.status == 401
