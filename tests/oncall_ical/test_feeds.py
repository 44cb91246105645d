"""Feeds as calendars fetch them: /ical/TOKEN.ics, and where people make and revoke them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import icalendar
import pytest
import recurring_ical_events
from django.test import Client

from tests.oncall.conftest import BY, written
from tests.web_config.conftest import Reader
from tests.world import Clock, World
from tocsin.kernel.acting import by_user
from tocsin.kernel.spans import Span
from tocsin.oncall.actions import add_override, save_schedule, schedules
from tocsin.oncall.feeding import calendar_of
from tocsin.oncall.feeds import make_feed, revoke_feed
from tocsin.oncall.ical.writing import window
from tocsin.oncall.past import told
from tocsin.oncall.rules import Override, final, shifts_of
from tocsin.people.actions import change_user, deactivate_user

BO = by_user("bo", "web")
ADDRESS = re.compile(r"/ical/(cal_[0-9a-f]+)\.ics")


def feed(kind: str, of: str, clock: Clock, user: str = "bo") -> str:
    _, token = make_feed(kind, of, user, by_user(user, "web"), clock.now)
    return f"/ical/{token}.ics"


def spans_in(body: bytes, span: Span) -> list[Span]:
    events = recurring_ical_events.of(icalendar.Calendar.from_ical(body)).between(*span)
    return sorted(Span(event["dtstart"].dt, event["dtend"].dt) for event in events)


def uids(body: bytes) -> set[str]:
    return {str(event["uid"]) for event in icalendar.Calendar.from_ical(body).walk("VEVENT")}


def test_a_feed_of_a_schedule_is_exactly_its_shifts(primary: str, clock: Clock, reader: Reader) -> None:
    answer = reader(None).get(feed("schedule", primary, clock))
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    ahead = Span(clock.now, window(clock.now).end)
    shifts = final(schedules()[primary], *ahead)
    assert spans_in(answer.content, ahead) == [shift.span for shift in shifts]
    assert b"SUMMARY:Bo Lind on call: web-primary" in answer.content


@pytest.mark.parametrize(
    ("language", "title", "shift", "own"),
    [
        (
            "de",
            "Bereitschaft: web-primary",
            "Bo Lind – Bereitschaft: web-primary",
            "Bereitschaft: meine Schichten",
        ),
        ("es", "De guardia: web-primary", "Bo Lind de guardia: web-primary", "De guardia: mis turnos"),
        (
            "fr",
            "Astreinte : web-primary",
            "Bo Lind d'astreinte : web-primary",
            "Astreinte : mes astreintes",
        ),
    ],
)
def test_a_feed_is_in_the_language_of_whose_it_is(
    primary: str, clock: Clock, reader: Reader, language: str, title: str, shift: str, own: str
) -> None:
    before = reader(None).get(address := feed("schedule", primary, clock))
    change_user("bo", BO, clock.now, language=language)
    after = reader(None).get(address, headers={"if-none-match": before["ETag"]})
    calendar = icalendar.Calendar.from_ical(after.content)
    shown = {str(each["summary"]).replace("\u00a0", " ") for each in calendar.walk("VEVENT")}
    assert str(calendar["x-wr-calname"]).replace("\u00a0", " ") == title
    assert shift in shown
    assert f"NAME:{own}\r\n" in reader(None).get(feed("mine", "", clock)).content.decode().replace(
        "\u00a0", " "
    )


def test_a_shift_that_was_running_when_the_schedule_was_made_is_whole_as_on_every_page(
    world: World, clock: Clock, reader: Reader
) -> None:
    """Whoever enters a rota on a Wednesday sees the shift from Monday on, and the ones before it."""
    clock.forward(days=2)
    save_schedule(written("late"), "web", BY, clock.now)
    shown = window(clock.now)
    answer = reader(None).get(feed("schedule", "late", clock))
    assert spans_in(answer.content, shown) == [shift.span for shift in told("late", *shown).shifts]
    assert any(span.start < clock.now < span.end for span in spans_in(answer.content, shown))
    assert clock.now not in {span.start for span in spans_in(answer.content, shown)}


def test_a_feed_of_ones_own_shows_ones_shifts_in_all_schedules(primary: str, clock: Clock) -> None:
    save_schedule(written("second"), "web", BY, clock.now)
    token, _ = make_feed("mine", "", "cy", BO, clock.now)
    ahead = Span(clock.now, window(clock.now).end)
    mine = shifts_of(final(schedules()[primary], *ahead), "cy")
    assert spans_in(calendar_of(token, clock.now, "https://here"), ahead) == sorted(
        shift.span for shift in mine * 2
    )


def test_a_feed_of_a_team_shows_its_schedules(primary: str, clock: Clock, reader: Reader) -> None:
    save_schedule(written("second"), "web", BY, clock.now)
    save_schedule(written("elsewhere"), None, BY, clock.now)
    answer = reader(None).get(feed("team", "web", clock))
    assert {uid.partition(".")[0] for uid in uids(answer.content)} == {primary, "second"}


def test_the_past_stays_as_it_was_served(primary: str, clock: Clock) -> None:
    token, _ = make_feed("schedule", primary, "bo", BO, clock.now)
    started = clock.now
    clock.forward(days=10)
    save_schedule(
        written(primary, {"rotation": "daily", "start": "2026-03-02T09:00", "users": ["mo"]}),
        "web",
        BY,
        clock.now,
    )
    spans = spans_in(calendar_of(token, clock.now, "https://here"), Span(started, clock.now))
    assert spans[0] == Span(started, started + timedelta(days=7))


def test_uids_stay_over_months_and_over_an_override_elsewhere(primary: str, clock: Clock) -> None:
    token, _ = make_feed("schedule", primary, "bo", BO, clock.now)
    before = uids(calendar_of(token, clock.now, "https://here"))
    clock.forward(days=40)
    start = clock.now + timedelta(days=100)
    add_override(primary, Override("", start, start + timedelta(hours=5), ("mo",)), BY, clock.now)
    after = uids(calendar_of(token, clock.now, "https://here"))
    assert before <= after


def test_a_calendar_that_has_it_is_told_so_until_something_changes(
    primary: str, clock: Clock, reader: Reader, world: World
) -> None:
    address, stranger = feed("schedule", primary, clock), reader(None)
    first = stranger.get(address)
    assert first["Cache-Control"] == "private, max-age=300"
    again = stranger.get(address, headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    change_user("bo", BY, clock.now, name="Bo Berg")
    third = stranger.get(address, headers={"If-None-Match": first["ETag"]})
    assert third.status_code == 200
    assert b"Bo Berg" in third.content


def test_a_wrong_or_revoked_address_opens_nothing(primary: str, clock: Clock, reader: Reader) -> None:
    row, token = make_feed("schedule", primary, "bo", BO, clock.now)
    stranger = reader(None)
    assert stranger.get(f"/ical/{token}x.ics").status_code == 404
    assert stranger.get(f"/ical/{'x' * 5000}.ics").status_code == 404
    revoke_feed(row.pk, BO, clock.now)
    assert stranger.get(f"/ical/{token}.ics").status_code == 404


def test_the_feeds_of_somebody_switched_off_end(primary: str, clock: Clock, reader: Reader) -> None:
    address = feed("schedule", primary, clock, "cy")
    deactivate_user("cy", BY, clock.now)
    assert reader(None).get(address).status_code == 404


def test_the_address_is_shown_once(primary: str, world: World, reader: Reader) -> None:
    bo = reader(world.bo)
    made = bo.post("/me/calendars", {"of": f"schedule:{primary}"})
    found = ADDRESS.search(made.content.decode())
    assert found
    assert reader(None).get(found.group()).status_code == 200
    assert not ADDRESS.search(bo.get("/me/calendars").content.decode())
    number = re.search(r"/me/calendars/(\d+)/revoke", bo.get("/me/calendars").content.decode())
    assert number
    assert reader(world.cy).post(number.group()).status_code == 404
    assert reader(None).post(number.group()).status_code == 302
    assert bo.post(number.group()).status_code == 302
    assert reader(None).get(found.group()).status_code == 404


def test_strangers_make_no_feeds(primary: str, reader: Reader) -> None:
    assert reader(None).post("/me/calendars", {"of": "mine"}).status_code == 302
    assert reader(None).post("/api/v1/feeds", "{}", content_type="application/json").status_code == 401


@pytest.fixture
def served(primary: str, clock: Clock) -> Iterator[str]:
    """The address of a feed of the schedule that a real HTTP server hands out."""
    row, _ = make_feed("schedule", primary, "bo", BO, clock.now)
    body = calendar_of(row, clock.now, "http://127.0.0.1")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/calendar; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/feed.ics"
    server.shutdown()
    server.server_close()
    thread.join(10)


VDIRSYNCER = """
[general]
status_path = "{folder}/status"
[pair oncall]
a = "local"
b = "feed"
collections = null
[storage local]
type = "filesystem"
path = "{folder}/calendar"
fileext = ".ics"
[storage feed]
type = "http"
url = "{url}"
"""
KHAL = """
[calendars]
[[oncall]]
path = {folder}/calendar
[locale]
timeformat = %H:%M
dateformat = %Y-%m-%d
longdateformat = %Y-%m-%d
datetimeformat = %Y-%m-%d %H:%M
longdatetimeformat = %Y-%m-%d %H:%M
default_timezone = Europe/Berlin
local_timezone = Europe/Berlin
[sqlite]
path = {folder}/khal.db
"""


def command(name: str) -> str:
    """The program beside this Python, or in the path; skips in words when there is none."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if not found:
        pytest.skip(f"{name} is not installed (pip install tocsin[dev])")
    return found


def test_vdirsyncer_and_khal_show_the_shifts_by_the_local_clock(served: str, tmp_path: Path) -> None:
    sync, khal = command("vdirsyncer"), command("khal")
    (tmp_path / "sync.conf").write_text(VDIRSYNCER.format(folder=tmp_path, url=served))
    (tmp_path / "khal.conf").write_text(KHAL.format(folder=tmp_path))
    (tmp_path / "calendar").mkdir()

    def run(*words: str) -> str:
        done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False, input="y\n")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run(sync, "-c", str(tmp_path / "sync.conf"), "discover")
    run(sync, "-c", str(tmp_path / "sync.conf"), "sync")
    lines = run(
        khal, "-c", str(tmp_path / "khal.conf"), "list", "--format", "{start} {end} {title}",
        "--day-format", "", "--once", "2026-03-16", "28d",
    ).splitlines()  # fmt: skip
    # 9:00 UTC is 10:00 in Berlin, and 11:00 once the clocks have changed on 29 March.
    assert "2026-03-16 10:00 2026-03-23 10:00 Bo Lind on call: web-primary" in lines
    assert "2026-03-23 10:00 2026-03-30 11:00 Cy Tran on call: web-primary" in lines


def test_the_api_makes_lists_and_revokes_feeds(
    primary: str, world: World, clock: Clock, reader: Reader
) -> None:
    from tocsin.people.actions import add_token
    from tocsin.people.rules import Scope

    _, plain = add_token(world.bo, "t", Scope.ADMIN, None, BO, clock.now)
    _, other = add_token(world.cy, "t", Scope.ADMIN, None, BO, clock.now)
    bo = Client(headers={"Authorization": f"Bearer {plain}"})
    cy = Client(headers={"Authorization": f"Bearer {other}"})
    reader(None)
    body = {"kind": "schedule", "of": primary}
    made = bo.post("/api/v1/feeds", body, content_type="application/json")
    assert made.status_code == 201
    found = ADDRESS.search(made.json()["address"])
    assert found
    assert Client().get(found.group()).status_code == 200
    assert [each["address"] for each in bo.get("/api/v1/feeds").json()["items"]] == [None]
    assert cy.get("/api/v1/feeds").json()["items"] == []
    number = made.json()["id"]
    assert cy.delete(f"/api/v1/feeds/{number}").status_code == 404
    assert bo.delete(f"/api/v1/feeds/{number}").status_code == 204
    assert Client().get(found.group()).status_code == 404
    wrong = bo.post("/api/v1/feeds", {"kind": "team", "of": "nope"}, content_type="application/json")
    assert wrong.status_code == 404
