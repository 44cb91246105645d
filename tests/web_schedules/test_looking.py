"""Looking: the list, the calendar of a schedule, one shift, somebody's shifts, the first page."""

from __future__ import annotations

import gzip
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.web.conftest import WEIGHT_MAX, SignedIn, text_of, weight
from tests.web_schedules.conftest import WEEKLY, page, store
from tests.world import Clock, World
from tocsin.catalog.actions import refresh
from tocsin.kernel.acting import ENGINE
from tocsin.oncall.actions import add_override, save_schedule, schedules
from tocsin.oncall.following import failed
from tocsin.oncall.imports import import_address
from tocsin.oncall.models import IMPORTED_PLACE, Import
from tocsin.oncall.models import Override as OverrideRow
from tocsin.oncall.rules import Override
from tocsin.people.models import Team, User
from tocsin.people.rules import Role
from tocsin.web import assets
from tocsin.web.live import topics_of

QUERIES_MAX = 25


def test_the_list_says_who_is_on_call_until_when_and_who_is_next(weekly: str, signed_in: SignedIn) -> None:
    said = text_of(signed_in("sam").get("/schedules"))
    assert "Times in UTC, your zone." in said
    assert "Bo Lind until Mon 9 Mar 08:00" in said
    assert "Cy Tran from Mon 9 Mar 08:00" in said
    assert "✓ none" in said


def test_the_list_says_gaps_in_words_and_offers_to_fill_them_to_who_may(
    world: World, clock: Clock, signed_in: SignedIn
) -> None:
    store(clock, [{**WEEKLY, "restrict": [{"days": ["mon-fri"], "from": "09:00", "to": "17:00"}]}])
    assert "nobody Mon 2 Mar 16:00 to Tue 3 Mar 08:00" in text_of(signed_in("sam").get("/schedules"))
    link = "/schedules/web-primary/override?from=2026-03-02T16:00:00Z&amp;to=2026-03-03T08:00:00Z"
    assert link in page(signed_in("mo"), "/schedules")
    assert link not in page(signed_in("sam"), "/schedules")


def test_without_a_schedule_the_list_teaches(world: World, signed_in: SignedIn) -> None:
    assert "Make the first schedule" in page(signed_in("mo"), "/schedules")
    said = page(signed_in("bo"), "/schedules")
    assert "A manager or an admin makes them" in said and "/new/schedule" not in said


def test_the_page_of_a_schedule_answers_in_its_first_sentence(weekly: str, signed_in: SignedIn) -> None:
    said = text_of(signed_in("sam").get("/schedules/web-primary"))
    assert "Bo Lind is on call until Mon 9 Mar 09:00. Then Cy Tran." in said
    assert "Times in Europe/Madrid, the schedule’s zone." in said


@pytest.mark.parametrize("view", ["month", "weeks", "day", "nonsense"])
def test_every_view_draws_layers_above_and_the_result_beneath(
    view: str, weekly: str, signed_in: SignedIn
) -> None:
    body = page(signed_in("bo"), f"/schedules/web-primary?view={view}&on=2026-03-10")
    assert body.index("Layer 1") < body.index("Who is paged")
    assert "Cy Tran, Mon 9 Mar 09:00 to Mon 16 Mar 09:00 (7 days)" in body


def test_times_can_be_shown_in_ones_own_zone_and_the_zone_is_named(
    weekly: str, world: World, signed_in: SignedIn
) -> None:
    User.objects.filter(pk="bo").update(timezone="Asia/Tokyo")
    assert "Show in Asia/Tokyo, yours" in page(signed_in("bo"), "/schedules/web-primary")
    said = text_of(signed_in("bo").get("/schedules/web-primary?zone=mine"))
    assert "Times in Asia/Tokyo, your zone. Show in Europe/Madrid, the schedule’s" in said
    assert "until Mon 9 Mar 17:00" in said


def test_what_an_address_says_wrongly_is_shown_as_today(weekly: str, signed_in: SignedIn) -> None:
    for on in ("2026-02-31", "yesterday", "0001-01-01", "9999-12-31", ""):
        assert "March 2026" in page(signed_in("bo"), f"/schedules/web-primary?on={on}")


def test_a_gap_is_hatched_and_said_in_words(world: World, clock: Clock, signed_in: SignedIn) -> None:
    store(clock, [{**WEEKLY, "restrict": [{"days": ["mon-fri"], "from": "09:00", "to": "17:00"}]}])
    answer = signed_in("sam").get("/schedules/web-primary?view=day")
    assert 'class="bar bar-gap"' in answer.content.decode()
    assert "Nobody is on call Mon 2 Mar 17:00 to Tue 3 Mar 09:00" in text_of(answer)


def test_a_schedule_without_layers_says_that_nobody_is_on_call(
    world: World, clock: Clock, signed_in: SignedIn
) -> None:
    store(clock, [])
    said = text_of(signed_in("sam").get("/schedules/web-primary"))
    assert "Nobody is on call now." in said
    assert "There is none, so nobody is on call." in said


def test_markup_in_names_is_text(world: World, clock: Clock, signed_in: SignedIn) -> None:
    User.objects.filter(pk="bo").update(name="<b>Bo</b> & co")
    store(clock, [{**WEEKLY, "name": "<script>x</script>"}], name="<i>Web</i>")
    for address in ("/schedules", "/schedules/web-primary", "/schedules/web-primary/shift", "/"):
        body = page(signed_in("ada"), address)
        assert "<b>Bo" not in body and "<script>x" not in body and "<i>Web" not in body


def test_an_unknown_schedule_is_not_found(world: World, signed_in: SignedIn) -> None:
    for rest in ("", "/shift", "/override", "/cover", "/edit", "/temporary", "/delete", "/fairness"):
        page(signed_in("ada"), f"/schedules/none{rest}", 404)


def test_one_shift_says_who_when_and_why(weekly: str, clock: Clock, signed_in: SignedIn) -> None:
    said = text_of(signed_in("sam").get("/schedules/web-primary/shift?at=2026-03-10T12:00:00Z"))
    assert "Cy Tran Mon 9 Mar 09:00 to Mon 16 Mar 09:00 (7 days)" in said
    assert "by layer 1" in said
    at = clock.now + timedelta(days=8)
    add_override("web-primary", Override("", at, at + timedelta(hours=2), ("mo",)), ENGINE, clock.now)
    said = text_of(signed_in("sam").get("/schedules/web-primary/shift?at=2026-03-10T09:30:00Z"))
    assert "by an override: Mo Haddad instead of whoever it is" in said


def test_a_shift_at_no_instant_is_refused_in_words(weekly: str, signed_in: SignedIn) -> None:
    assert "is not a point in time" in page(signed_in("bo"), "/schedules/web-primary/shift?at=noon", 400)


def test_my_shifts_are_those_of_all_schedules(weekly: str, clock: Clock, signed_in: SignedIn) -> None:
    store(
        clock,
        [{"rotation": "daily", "start": "2026-03-01T12:00", "users": ["cy", "bo"]}],
        "data",
        "Data",
        "UTC",
    )
    said = text_of(signed_in("bo").get("/shifts"))
    assert "You are on call: Web primary until Mon 9 Mar 08:00." in said
    assert "Next: Data, Mon 2 Mar 12:00 to Tue 3 Mar 12:00." in said
    assert "No shift within 12 weeks." in text_of(signed_in("sam").get("/shifts"))


def test_the_shifts_of_somebody_else_can_be_seen(weekly: str, signed_in: SignedIn) -> None:
    said = text_of(signed_in("sam").get("/people/bo/shifts?view=weeks"))
    assert "Bo Lind is on call: Web primary until Mon 9 Mar 08:00." in said
    page(signed_in("sam"), "/people/nobody/shifts", 404)


def test_the_first_page_says_who_is_on_call_and_ones_own_next_shift(weekly: str, signed_in: SignedIn) -> None:
    said = text_of(signed_in("cy").get("/"))
    assert "On call now" in said
    assert "Web primary · Bo Lind until Mon 9 Mar 08:00 → Cy Tran" in said
    assert "Your next shift: Web primary, Mon 9 Mar 08:00 to Mon 16 Mar 08:00." in said
    assert "You are on call: Web primary until Mon 9 Mar 08:00." in text_of(signed_in("bo").get("/"))


def test_the_first_page_puts_first_where_nobody_is(weekly: str, clock: Clock, signed_in: SignedIn) -> None:
    store(clock, [{**WEEKLY, "start": "2026-03-05T09:00"}], "zz", "Zebra")
    said = text_of(signed_in("sam").get("/"))
    assert said.index("Zebra · nobody until Thu 5 Mar 08:00 → Bo Lind") < said.index("Web primary ·")


def test_without_schedules_the_first_page_says_nothing_of_them(world: World, signed_in: SignedIn) -> None:
    assert "On call now" not in page(signed_in("bo"), "/")


@pytest.fixture
def full(world: World, clock: Clock) -> str:
    """Five layers, twenty people, two hundred overrides in a year."""
    users = [f"person-{number}" for number in range(20)]
    User.objects.bulk_create(
        User(
            id=key,
            name=f"Person Number{key[7:]}",
            email=f"{key}@example.com",
            role=Role.RESPONDER,
            created_at=clock.now,
        )
        for key in users
    )
    refresh()
    layers = [
        {"rotation": "weekly", "start": "2026-01-05T09:00", "users": users},
        {
            "rotation": "daily",
            "start": "2026-01-05T09:00",
            "users": users[5:],
            "restrict": [{"from": "18:00", "to": "08:00"}],
        },
        {
            "rotation": "hourly",
            "every": 12,
            "start": "2026-01-05T09:00",
            "users": users[2:9],
            "restrict": [{"days": ["mon-fri"], "from": "09:00", "to": "18:00"}],
        },
        {
            "rotation": "daily",
            "every": 2,
            "start": "2026-01-05T09:00",
            "users": users[9:],
            "restrict": [{"days": ["sat-sun"], "from": "00:00", "to": "24:00"}],
        },
        {
            "rotation": "weekly",
            "start": "2026-01-05T09:00",
            "users": users[3:],
            "restrict": [{"days": ["wed"], "from": "10:00", "to": "16:00"}],
        },
    ]
    store(clock, layers, "full", "Full")
    made = []
    for number in range(200):
        start = clock.now + timedelta(hours=43 * number - 60)
        made.append(Override("", start, start + timedelta(hours=9), (users[number % 20],)))
    value = replace(schedules()["full"], overrides=tuple(made))
    save_schedule(value, None, ENGINE, clock.now, overrides=True)
    return "full"


@pytest.mark.parametrize(
    "address",
    [
        "/schedules/full",
        "/schedules/full?view=weeks",
        "/schedules/full?view=day",
        "/schedules",
        "/people/person-3/shifts",
        "/",
    ],
)
def test_a_full_schedule_costs_few_queries_and_stays_light(
    address: str, full: str, signed_in: SignedIn
) -> None:
    client = signed_in("bo")
    client.get(address)  # what is kept in memory is read once
    with CaptureQueriesContext(connection) as asked:
        answer = client.get(address, headers={"Accept-Encoding": "gzip"})
    assert answer.status_code == 200
    # Whether the configuration is still the same is asked anew at every turn only within a test's own transaction.
    queries = [each["sql"] for each in asked.captured_queries if "journal_head" not in each["sql"]]
    assert len(queries) <= QUERIES_MAX, queries
    body = answer.content if answer.get("Content-Encoding") == "gzip" else gzip.compress(answer.content)
    more = sum(len(asset.packed) for name in ("calendar.css", "calendar.js") if (asset := assets.load(name)))
    assert weight(body) + more <= WEIGHT_MAX


def test_the_pages_carry_nothing_that_the_policy_of_contents_refuses(
    weekly: str, signed_in: SignedIn
) -> None:
    client = signed_in("ada")
    for address in (
        "/schedules",
        "/schedules/web-primary",
        "/schedules/web-primary/edit",
        "/shifts",
        "/new/schedule",
    ):
        body = page(client, address)
        assert "style=" not in body and not re.search(r"\son[a-z]+=", body), address
        assert "{{" not in body and "{%" not in body, address


def test_a_schedule_of_a_team_is_told_before_others_on_the_first_page(
    weekly: str, clock: Clock, world: World, signed_in: SignedIn
) -> None:
    store(clock, [WEEKLY], "zz", "Zebra", team="web")
    said = text_of(signed_in("bo").get("/"))
    assert said.index("Zebra ·") < said.index("Web primary ·")
    assert Team.objects.filter(pk="web").exists()


def test_nobody_signed_in_sees_nothing(weekly: str) -> None:
    for address in ("/schedules", "/schedules/web-primary", "/shifts", "/people/bo/shifts"):
        assert Client().get(address).status_code == 302


def test_what_a_calendar_elsewhere_says_is_no_change_ahead(
    weekly: str, clock: Clock, signed_in: SignedIn
) -> None:
    cover = Override("", clock.now + timedelta(hours=5), clock.now + timedelta(hours=7), ("cy",))
    add_override("web-primary", cover, ENGINE, clock.now)
    assert (
        "Cy Tran" in text_of(signed_in("sam").get("/schedules/web-primary")).partition("Overrides ahead")[2]
    )

    OverrideRow.objects.update(place=IMPORTED_PLACE)
    said = text_of(signed_in("sam").get("/schedules/web-primary")).partition("Overrides ahead")[2]
    assert said.strip().startswith("None.")


def test_trouble_with_a_calendar_elsewhere_is_said_where_it_matters_and_what_to_do(
    weekly: str, clock: Clock, signed_in: SignedIn
) -> None:
    mo, sam = signed_in("mo"), signed_in("sam")
    import_address("https://example.com/x.ics", "example.com", ENGINE, clock.now, schedule_id=weekly)
    assert "Shifts come from example.com." in text_of(mo.get("/schedules/web-primary"))
    failed(Import.objects.get(), "The address answers 404 and no calendar.", clock.now)
    said = text_of(mo.get("/schedules/web-primary"))
    assert "Nobody is on call by it yet. The address answers 404 and no calendar." in said
    assert "Mend its address, or plan here. Look after it" in said
    assert "Look after it" not in text_of(sam.get("/schedules/web-primary"))
    now = "Web primary is taken from a calendar elsewhere: Nobody is on call by it yet. "
    assert now + "What to do" in text_of(mo.get("/"))
    assert now + "Whoever looks after it is told." in text_of(sam.get("/"))
    Import.objects.update(problem="", unknown=["Who <i>Ever"])
    assert "Not known, or several people: Who <i>Ever." in text_of(mo.get("/schedules/web-primary"))
    assert "It names people nobody knows" in text_of(mo.get("/"))
    Import.objects.update(unknown=[])
    assert "calendar elsewhere" not in text_of(mo.get("/"))


def test_an_address_that_did_not_answer_once_is_no_news_on_the_first_page(
    weekly: str, clock: Clock, signed_in: SignedIn
) -> None:
    import_address("https://example.com/x.ics", "example.com", ENGINE, clock.now, schedule_id=weekly)
    failed(Import.objects.get(), "The calendar cannot be fetched: no answer", clock.now)
    assert "calendar elsewhere" not in text_of(signed_in("mo").get("/"))
    clock.forward(minutes=5)
    assert "calendar elsewhere" in text_of(signed_in("mo").get("/"))


@pytest.mark.parametrize("address", ["/schedules", "/schedules/web-primary?view=day", "/shifts"])
def test_what_a_page_asks_for_again_is_its_part_and_takes_no_message_from_the_next_page(
    address: str, weekly: str, clock: Clock, signed_in: SignedIn
) -> None:
    mo = signed_in("mo")
    at = clock.now + timedelta(days=9)
    made = add_override(weekly, Override("", at, at + timedelta(hours=2), ("mo",)), ENGINE, clock.now)
    assert f'hx-get="{address}"' in page(mo, address)
    mo.post(f"/schedules/web-primary/overrides/{made}/remove")
    part = mo.get(address, headers={"HX-Request": "true"}).content.decode()
    assert 'data-live="schedules configuration"' in part
    assert "<html" not in part and "Taken back." not in part
    assert "Taken back." in page(mo, address)
    assert Client().get(address, headers={"HX-Request": "true"}).status_code in (302, 401, 403)
    assert topics_of("topic=schedules&topic=configuration&topic=people") == {"schedules", "configuration"}
