"""The editor: layers and turns are changed by buttons, and what it does is said before it is saved."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from tests.web.conftest import SignedIn, text_of
from tests.web_schedules.conftest import WEEKLY, page, store
from tests.world import Clock, World
from tocsin.escalation.models import Policy
from tocsin.kernel.acting import ENGINE
from tocsin.kernel.calendars import calendar_from
from tocsin.oncall.actions import add_override, find_schedule, save_calendar, schedules
from tocsin.oncall.models import Override as OverrideRow
from tocsin.oncall.models import Schedule
from tocsin.oncall.rules import Override
from tocsin.web.forms.layers import first_layer

EDIT = "/schedules/web-primary/edit"


def layer(n: int = 0, users: tuple[str, ...] = ("bo", "cy"), **more: Any) -> dict[str, Any]:
    """A layer as its form sends it; each user has a turn."""
    at = f"layer-{n}"
    fields: dict[str, Any] = {
        f"{at}-rotation": "weekly",
        f"{at}-every": "1",
        f"{at}-start": "2026-01-05T09:00",
    }
    fields[f"{at}-slots"] = str(len(users))
    for m, user in enumerate(users):
        fields |= {f"{at}-slot-{m}-user": user, f"{at}-slot-{m}-from": "", f"{at}-slot-{m}-until": ""}
    return fields | {f"{at}-{name.replace('_', '-')}": value for name, value in more.items()}


def form(*layers: dict[str, Any], do: str = "check", **more: Any) -> dict[str, Any]:
    """The whole form."""
    fields: dict[str, Any] = {"name": "Web primary", "timezone": "Europe/Madrid", "team": "", "do": do}
    for each in layers:
        fields |= each
    return fields | {"layers": str(len(layers))} | more


def carried(body: str) -> dict[str, Any]:
    """The fields that the page of the changes carries along, as its form sends them."""
    found: dict[str, Any] = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', body):
        found.setdefault(name, []).append(value)
    found.pop("csrfmiddlewaretoken", None)
    return found


def turns(client: Client, fields: dict[str, Any], address: str = EDIT) -> list[list[str]]:
    """Who stands in the turns of the first layer on the page that a button makes."""
    answer = client.post(address, fields)
    assert answer.status_code == 200
    body = answer.content.decode()
    count = int(re.findall(r'name="layer-0-slots" value="(\d+)"', body)[0])
    return [re.findall(rf'name="layer-0-slot-{m}-user" value="(\w+)"', body) for m in range(count)]


def test_a_schedule_is_made_after_reading_what_it_does(world: World, signed_in: SignedIn) -> None:
    mo = signed_in("mo")
    body = page(mo, "/new/schedule")
    assert 'value="2026-03-02T09:00"' in body, "a new layer begins this Monday"
    answer = mo.post("/new/schedule", form(layer(users=("bo", "cy"))))
    said = text_of(answer)
    assert "What changes in Web primary" in said and "Nothing is saved yet." in said
    assert "Bo Lind" in said and "Save, and tell Bo Lind and Cy Tran" in said
    assert not Schedule.objects.exists()
    answer = mo.post("/new/schedule", carried(answer.content.decode()) | {"do": "save"}, follow=True)
    assert "Web primary is made." in text_of(answer)
    assert [[seat.user for seat in slot] for slot in schedules()["web-primary"].layers[0].slots] == [
        ["bo"],
        ["cy"],
    ]


def test_making_it_twice_makes_one(weekly: str, signed_in: SignedIn) -> None:
    answer = signed_in("mo").post("/new/schedule", form(layer(), do="save"))
    assert answer.status_code == 422
    assert "There is a schedule with this id already" in text_of(answer)


def test_what_an_edit_does_is_said_and_then_saved(weekly: str, signed_in: SignedIn) -> None:
    mo = signed_in("mo")
    answer = mo.post(EDIT, form(layer(start="2026-01-05T17:00"), stamp=find_schedule(weekly).stamp))
    said = text_of(answer)
    assert "people are told" in said
    assert "Mon 9 Mar 09:00 to Mon 16 Mar 09:00 becomes Mon 9 Mar 17:00 to Mon 16 Mar 17:00" in said
    assert schedules()[weekly].layers[0].start.hour == 9
    mo.post(EDIT, carried(answer.content.decode()) | {"do": "save"})
    assert schedules()[weekly].layers[0].start.hour == 17


def test_one_can_go_back_to_the_editor_with_all_that_was_typed(weekly: str, signed_in: SignedIn) -> None:
    fields = carried(
        signed_in("mo").post(EDIT, form(layer(users=("cy", "mo")), name="Web new")).content.decode()
    )
    body = signed_in("mo").post(EDIT, fields | {"do": "back"}).content.decode()
    assert 'value="Web new"' in body and "Edit Web primary" in body
    assert turns(signed_in("mo"), fields | {"do": "back"}) == [["cy"], ["mo"]]


def test_the_impact_names_services_and_gaps(weekly: str, world: World, signed_in: SignedIn) -> None:
    Policy.objects.filter(pk="web").update(levels=[{"notify": ["schedule:web-primary"], "timeout": "5m"}])
    hours = {
        "layer-0-windows": "1",
        "layer-0-window-0-kind": "hours",
        "layer-0-window-0-days": ["mon", "tue"],
        "layer-0-window-0-opens": "09:00",
        "layer-0-window-0-closes": "17:00",
    }
    said = text_of(signed_in("mo").post(EDIT, form(layer() | hours)))
    assert "gaps open" in said
    assert "Nobody will be on call Mon 2 Mar 17:00 to Tue 3 Mar 09:00 (16 h)" in said
    assert "Pages of Web shop go through this schedule." in said


def test_somebody_elses_change_meanwhile_is_not_lost_unseen(
    weekly: str, clock: Clock, signed_in: SignedIn
) -> None:
    fields = form(layer(users=("bo", "cy", "mo")), stamp=find_schedule(weekly).stamp, do="save")
    store(clock, [{**WEEKLY, "every": 2}])
    answer = signed_in("mo").post(EDIT, fields)
    assert "The schedule was changed meanwhile." in text_of(answer)
    assert schedules()[weekly].layers[0].rotation.every == 2


@pytest.mark.parametrize(
    ("do", "after"),
    [
        ("slot-up:0:1", [["cy"], ["bo"], ["mo"]]),
        ("slot-down:0:1", [["bo"], ["mo"], ["cy"]]),
        ("slot-move:0:2:0", [["mo"], ["bo"], ["cy"]]),
        ("slot-up:0:0", [["bo"], ["cy"], ["mo"]]),
        ("without:0:1:0", [["bo"], ["mo"]]),
        ("nobody:0", [["bo"], ["cy"], ["mo"], []]),
        ("remove:7", [["bo"], ["cy"], ["mo"]]),
        ("slot-move:0:99:99", [["bo"], ["cy"], ["mo"]]),
        ("without:0:99:99", [["bo"], ["cy"], ["mo"]]),
        ("up:not-a-number", [["bo"], ["cy"], ["mo"]]),
        ("nonsense", [["bo"], ["cy"], ["mo"]]),
    ],
)
def test_turns_are_moved_and_removed_by_buttons(
    do: str, after: list[list[str]], weekly: str, signed_in: SignedIn
) -> None:
    assert turns(signed_in("mo"), form(layer(users=("bo", "cy", "mo")), do=do)) == after


def test_who_is_chosen_is_added_as_a_turn_or_to_one(weekly: str, signed_in: SignedIn) -> None:
    mo = signed_in("mo")
    assert turns(mo, form(layer(new="mo"), do="slot:0")) == [["bo"], ["cy"], ["mo"]]
    assert turns(mo, form(layer(slot_1_new="mo"), do="slot:0")) == [["bo"], ["cy", "mo"]]


def test_layers_are_added_moved_and_removed(weekly: str, signed_in: SignedIn) -> None:
    mo, fields = signed_in("mo"), form(layer(0, name="Days"), layer(1, name="Nights"))

    def names(do: str) -> list[str]:
        body = mo.post(EDIT, fields | {"do": do}).content.decode()
        return re.findall(r'name="layer-\d+-name" id="[^"]+" value="([^"]*)"', body)

    assert names("layer") == ["Days", "Nights", ""]
    assert names("down:0") == names("up:1") == names("move:1:0") == ["Nights", "Days"]
    assert names("remove:0") == ["Nights"]
    assert names("up:0") == names("down:1") == ["Days", "Nights"]


def test_hours_are_added_and_removed_and_may_be_those_of_a_calendar(
    weekly: str, clock: Clock, signed_in: SignedIn
) -> None:
    office = {
        "id": "office",
        "name": "Office",
        "timezone": "Europe/Madrid",
        "hours": [{"from": "09:00", "to": "17:00"}],
    }
    save_calendar(calendar_from(office), ENGINE, clock.now)
    mo = signed_in("mo")
    body = mo.post(EDIT, form(layer(), do="window:0")).content.decode()
    assert 'name="layer-0-windows" value="1"' in body and "outside Office" in body
    hours = {"layer-0-windows": "1", "layer-0-window-0-kind": "outside:office"}
    assert (
        'name="layer-0-windows" value="0"'
        in mo.post(EDIT, form(layer() | hours, do="window-remove:0:0")).content.decode()
    )
    mo.post(EDIT, form(layer() | hours, do="save", stamp=find_schedule(weekly).stamp))
    (each,) = schedules()[weekly].layers[0].restrict
    assert (each.calendar, each.outside) == ("office", True)  # type: ignore[union-attr]


def test_an_edit_keeps_what_the_page_does_not_show(weekly: str, clock: Clock, signed_in: SignedIn) -> None:
    shadow = {"trainee": "mo", "of": "bo", "start": "2026-03-01", "end": "2026-04-01"}
    store(clock, [{**WEEKLY, "users": ["bo", {"user": "cy", "from": "2026-06-01"}, None]}], shadows=[shadow])
    before = schedules()[weekly]
    mo = signed_in("mo")
    body = page(mo, EDIT)
    fields: dict[str, Any] = {}
    for name, value in re.findall(r'name="(layer-0-slot-\d+-(?:user|from|until))" value="([^"]*)"', body):
        fields.setdefault(name, []).append(value)
    saved = form(layer(users=()) | fields, do="save", stamp=find_schedule(weekly).stamp) | {
        "layer-0-slots": "3"
    }
    assert mo.post(EDIT, saved).status_code == 302
    assert schedules()[weekly].layers == before.layers
    assert schedules()[weekly].shadows == before.shadows


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"layer-0-every": "0"}, "Every: every is 0"),
        ({"layer-0-every": "often"}, "Every: every is"),
        ({"layer-0-start": ""}, "First hand-over:"),
        ({"layer-0-end": "2025-01-01T00:00"}, "End: The layer ends before it starts"),
        ({"layer-0-timezone": "Mars/Olympus"}, "Time zone:"),
        ({"layer-0-rotation": "yearly"}, "cannot stand here"),
        ({"layer-0-slots": "0"}, "The layer has nobody in it"),
        (
            {"layer-0-windows": "1", "layer-0-window-0-opens": "25:00", "layer-0-window-0-closes": "17:00"},
            "Hours 1:",
        ),
        (
            {"layer-0-slot-1-from": "2026-05-01T00:00", "layer-0-slot-1-until": "2026-04-01T00:00"},
            "Turn 2: cy leaves before joining",
        ),
        ({"timezone": "Mars/Olympus"}, "Mars/Olympus"),
        ({"name": ""}, "This field is required."),
    ],
)
def test_a_mistake_is_said_at_its_layer_and_nothing_typed_is_lost(
    fields: dict[str, Any], said: str, weekly: str, signed_in: SignedIn
) -> None:
    sent = form(layer(name="Daily & nightly")) | fields
    answer = signed_in("mo").post(EDIT, sent)
    assert answer.status_code == 422
    assert said in text_of(answer)
    assert "Daily &amp; nightly" in answer.content.decode()


def test_a_person_who_is_gone_is_refused_in_words(weekly: str, signed_in: SignedIn) -> None:
    sent = form(layer(users=("bo", "ghost")), do="save", stamp=find_schedule(weekly).stamp)
    answer = signed_in("mo").post(EDIT, sent)
    assert answer.status_code == 422
    assert "ghost" in text_of(answer)


@pytest.mark.parametrize("count", ["99999", "-1", "x", ""])
def test_counts_that_lie_are_bounded(count: str, weekly: str, signed_in: SignedIn) -> None:
    sent = form(layer(), do="layer") | {"layers": count, "layer-0-slots": count, "layer-0-windows": count}
    assert signed_in("mo").post(EDIT, sent).status_code == 200


def test_the_preview_draws_what_is_typed_without_complaint(weekly: str, signed_in: SignedIn) -> None:
    headers = {"HX-Request": "true"}
    answer = signed_in("mo").post(EDIT, form(layer(users=("mo",)), do="save"), headers=headers)
    assert answer.status_code == 200
    assert "The next weeks" in text_of(answer) and "Mo Haddad" in text_of(answer)
    answer = signed_in("mo").post(EDIT, form(layer(every="x"), timezone="Nowhere"), headers=headers)
    assert answer.status_code == 200
    assert 'class="error"' not in answer.content.decode()
    assert [seat.user for slot in schedules()[weekly].layers[0].slots for seat in slot] == ["bo", "cy"]


def test_overrides_follow_the_shifts_that_move(weekly: str, clock: Clock, signed_in: SignedIn) -> None:
    start, end = datetime(2026, 3, 9, 8, tzinfo=UTC), datetime(2026, 3, 16, 8, tzinfo=UTC)
    add_override(weekly, Override("", start, end, ("mo",), ("cy",)), ENGINE, clock.now)
    sent = form(layer(start="2026-01-05T17:00"), do="save", stamp=find_schedule(weekly).stamp)
    assert signed_in("mo").post(EDIT, sent).status_code == 302
    assert OverrideRow.objects.standing().get().starts_at.hour == 16


def test_a_temporary_schedule_replaces_everything_in_its_time(weekly: str, signed_in: SignedIn) -> None:
    address = "/schedules/web-primary/temporary"
    fields = {
        "name": "Office move",
        "start": "2026-03-10T00:00",
        "end": "2026-03-12T00:00",
        "zone": "Europe/Madrid",
        "layers": "1",
        "do": "check",
    } | layer(users=("mo",), rotation="daily", start="2026-03-10T00:00")
    mo = signed_in("mo")
    answer = mo.post(address, fields)
    assert "Mo Haddad 2 days more" in text_of(answer) and "Cy Tran 2 days less" in text_of(answer)
    assert mo.post(address, carried(answer.content.decode()) | {"do": "save"}).status_code == 302
    assert OverrideRow.objects.get().name == "Office move"
    assert "temporary schedule: Office move" in text_of(mo.get("/schedules/web-primary"))
    answer = mo.post(address, fields | {"layer-0-every": "0"})
    assert answer.status_code == 422 and "One of the layers has to be mended." in text_of(answer)
    answer = mo.post(address, fields | {"end": "2026-03-09T00:00"})
    assert answer.status_code == 422 and "It ends before it begins." in text_of(answer)


def test_a_schedule_is_deleted_unless_a_policy_pages_it(
    weekly: str, world: World, signed_in: SignedIn
) -> None:
    mo, address = signed_in("mo"), "/schedules/web-primary/delete"
    Policy.objects.filter(pk="web").update(
        levels=[{"notify": ["schedule:web-primary/next"], "timeout": "5m"}]
    )
    assert "It cannot be deleted while Web pages it." in text_of(mo.get(address))
    assert mo.post(address).status_code == 409
    Policy.objects.filter(pk="web").update(levels=[{"notify": ["user:bo"], "timeout": "5m"}])
    assert "No policy pages it." in text_of(mo.get(address))
    assert "Web primary is deleted." in text_of(mo.post(address, follow=True))
    assert not Schedule.objects.live().exists()


def test_trainees_are_added_changed_and_removed(weekly: str, signed_in: SignedIn) -> None:
    mo = signed_in("mo")
    body = mo.post(EDIT, form(layer(), shadows="0", do="shadow")).content.decode()
    assert 'name="shadows" value="1"' in body and "Trainees are sent copies" in body
    trainee = {
        "shadows": "1",
        "shadow-0-trainee": "mo",
        "shadow-0-of": "bo",
        "shadow-0-start": "2026-03-03T09:00",
        "shadow-0-end": "2026-03-10T09:00",
    }
    stamp = find_schedule(weekly).stamp
    assert mo.post(EDIT, form(layer(), do="save", stamp=stamp) | trainee).status_code == 302
    (shadow,) = schedules()[weekly].shadows
    assert (shadow.trainee, shadow.of, shadow.start) == ("mo", "bo", datetime(2026, 3, 3, 8, tzinfo=UTC))
    assert 'value="2026-03-03T09:00"' in page(mo, EDIT)
    assert "Mo Haddad is sent copies of what goes to Bo Lind" in text_of(mo.get("/schedules/web-primary"))
    answer = mo.post(EDIT, form(layer()) | trainee | {"shadow-0-of": "mo"})
    assert answer.status_code == 422 and "mo cannot be their own shadow" in text_of(answer)
    body = mo.post(EDIT, form(layer(), do="shadow-remove:0") | trainee).content.decode()
    assert 'name="shadows" value="0"' in body


@pytest.mark.parametrize(
    "now", ["2026-03-02T08:59", "2026-03-02T00:00", "2026-03-01T23:59", "2026-02-23T09:00"]
)
def test_a_new_layer_has_begun_whenever_it_is_made(now: str) -> None:
    """Also on a Monday before nine: else nobody would be on call until then."""
    assert first_layer(datetime.fromisoformat(now)).start == "2026-02-23T09:00"
    assert first_layer(datetime.fromisoformat("2026-03-02T09:00")).start == "2026-03-02T09:00"
