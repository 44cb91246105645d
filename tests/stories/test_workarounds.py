"""What is known to help stands in the message that wakes somebody, in words of the organisation's own."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.organisation.files import applied
from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.catalog import actions as configuration
from tocsin.catalog.actions import save_service
from tocsin.catalog.models import Integration, Service
from tocsin.catalog.rules import ServiceValue
from tocsin.channels.twilio.texts import parts, sms_of
from tocsin.kernel.acting import by_user
from tocsin.kernel.errors import Refused
from tocsin.notification.templates import save_templates
from tocsin.organisation.exporting import export
from tocsin.organisation.plan import plan
from tocsin.organisation.reading import File
from tocsin.people.actions import change_user
from tocsin.people.models import User

ADA = by_user("ada", "web")
HELPS = "Restart shop-api:\n  systemctl restart shop-api"
SAID = {
    "en": "Known workaround: Restart shop-api: systemctl restart shop-api",
    "de": "Bekannter Workaround: Restart shop-api: systemctl restart shop-api",
    "es": "Solución provisional conocida: Restart shop-api: systemctl restart shop-api",
    "fr": "Contournement connu\u00a0: Restart shop-api: systemctl restart shop-api",
}


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> Road:
    monkeypatch.setattr("tocsin.site.clock.now", lambda: clock.now)
    Service.objects.filter(pk="shop").update(workaround=HELPS)
    return Road(world, clock)


@pytest.mark.parametrize("language", SAID)
def test_a_message_says_it_in_one_line_and_an_sms_has_room_for_it(
    road: Road, outbox: Outbox, language: str
) -> None:
    change_user("bo", ADA, road.now, language=language)
    road.event("db")
    road.look()
    message = outbox.to("bo")[0]
    assert message.lines[2] == SAID[language]
    text = sms_of(message)
    assert "systemctl restart shop-api" in text and message.code in text
    assert parts(text) <= 2


def test_the_pages_of_the_incident_and_of_the_service_show_it(road: Road, outbox: Outbox) -> None:
    road.event("db")
    road.look()
    browser = Client()
    browser.force_login(User.objects.get(pk="ada"))
    for page in (f"/incidents/{road.incident().pk}", "/services/shop"):
        assert "<strong>Known workaround:</strong>" in browser.get(page).content.decode(), page


def test_of_a_restricted_incident_no_message_says_it(road: Road, outbox: Outbox) -> None:
    Service.objects.filter(pk="shop").update(restricted=True)
    configuration.refresh()
    road.event("db")
    road.look()
    assert not any("shop-api" in line for line in outbox.to("bo")[0].lines)


def test_a_template_names_it(road: Road, outbox: Outbox) -> None:
    save_templates(
        "default", {"text": "{{title}}{{#workaround}}\nDo: {{workaround}}{{/workaround}}"}, ADA, road.now
    )
    road.event("db")
    road.look()
    assert list(outbox.to("bo")[0].lines[:3]) == [
        "Checkout fails",
        "Do: Restart shop-api:",
        "  systemctl restart shop-api",
    ]


def test_a_file_keeps_it_and_a_long_one_is_refused(world: World, outbox: Outbox, clock: Clock) -> None:
    Integration.objects.all().delete()
    file = "services: [{{id: pay, name: Payment, workaround: {}}}]"
    assert applied(file.format("Use the other bank"), clock)[-1] == "1 to add, 0 to change, 0 to remove."
    assert "workaround: Use the other bank" in export()
    assert plan([File("again.yaml", export())]).in_words() == ["Nothing changes."]
    with pytest.raises(Exception, match="300"):
        applied(file.format("x" * 301), clock)


def test_it_is_edited_where_the_service_is(road: Road) -> None:
    browser = Client()
    browser.force_login(User.objects.get(pk="ada"))
    form = browser.get("/services/shop/edit").context["form"]
    assert form["workaround"].value() == HELPS
    data = {name: form[name].value() for name in form.fields if form[name].value() not in (None, False)}
    sent = data | {
        "workaround": "Use the telephone",
        "group_window": "10m",
        "ack_timeout": "30m",
        "resolve_delay": "",
    }
    assert browser.post("/services/shop/edit", sent).status_code == 302
    assert Service.objects.get(pk="shop").workaround == "Use the telephone"


def test_over_rest_it_is_kept_within_its_length(world: World, clock: Clock) -> None:
    with pytest.raises(Refused, match="at most 300 characters"):
        save_service(ServiceValue("shop", "Shop", workaround="x" * 301), "", ADA, clock.now)
