"""Commands in a chat, and reports from there: what each says, who may, and what reporters are told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from django.conf import settings

from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.answering.actions import answer
from tocsin.answering.models import Report
from tocsin.answering.reports import Said, decline, link, report, tell_reporters
from tocsin.answering.rules.reporting import (
    REPORTS_OF_STRANGERS,
    REPORTS_PER_REPORTER,
    Update,
    similar,
    title_of,
    update_of,
)
from tocsin.catalog.actions import refresh
from tocsin.catalog.models import Service
from tocsin.incident.actions import acknowledge, resolve
from tocsin.incident.models import Incident
from tocsin.incident.rules import State
from tocsin.journal.models import Entry
from tocsin.kernel.acting import by_user
from tocsin.kernel.errors import Refused
from tocsin.notification.hearing import Commanded, Reported, Told, Tone
from tocsin.notification.models import Page
from tocsin.notification.rules import Kind

Types = Callable[..., Told]


@pytest.fixture
def types(world: World, clock: Clock) -> Types:
    """`types("bo", "ack 412")`: somebody types a command."""

    def type_(who: str, line: str, **more: str) -> Told:
        verb, _, rest = line.partition(" ")
        return answer(Commanded(f"fake:{who}", verb, rest, **more), "chat", clock.now)

    return type_


@pytest.fixture
def calm(world: World, clock: Clock, outbox: Outbox) -> Road:
    """The road with nothing on it."""
    return Road(world, clock)


# -- who ---------------------------------------------------------------------------------------------------------------


def test_who_says_whom_a_page_would_wake(types: Types) -> None:
    for name in ("shop", "Web shop", "web"):
        assert "paged now Bo Lind, after 5 min Cy Tran, Bo Lind" in types("cy", f"who {name}").text
    assert "There are shop." in types("cy", "who nobody-knows").text
    assert "There is no schedule" in types("cy", "who").text


def test_who_says_until_when(world: World, types: Types, clock: Clock) -> None:
    from tocsin.oncall.actions import save_schedule
    from tocsin.oncall.rules import schedule_from

    data = {
        "id": "web-primary",
        "timezone": "UTC",
        "layers": [{"rotation": "weekly", "start": "2026-01-05T09:00", "users": ["bo", "cy"]}],
    }
    save_schedule(schedule_from(data), None, by_user("ada", "web"), clock.now)
    assert types("cy", "who web-primary").text == "web-primary: Bo Lind is on call until 9 Mar 09:00."


def test_a_stranger_is_told_nothing_of_who_is_on_call(types: Types) -> None:
    for line in ("who shop", "status", "ack 1", "page bo help"):
        told = types("stranger", line)
        assert told.tone is Tone.NOT_DONE and "not that of anybody" in told.text
    assert types("stranger", "help").tone is Tone.ASKED


# -- acts by number ----------------------------------------------------------------------------------------------------


def test_an_incident_is_worked_on_by_its_number(road: Road, types: Types) -> None:
    number = road.incident().pk
    assert "your note stands" in types("cy", f"note {number} it is the disk").text
    assert "it is yours" in types("cy", f"ack #{number}").text
    assert "rests until 11:00" in types("cy", f"snooze {number} 2h").text
    assert "Cy Tran put it off until 11:00" in types("bo", "status").text
    assert "Paged now: level 2" in types("bo", f"escalate {number}").text
    assert "resolved" in types("bo", f"resolve {number}").text
    assert Entry.objects.get(kind="incident.noted").through == "fake"


@pytest.mark.parametrize(
    "line",
    ["ack", "ack it", "ack 999999", "ack -1", "ack 1٢", "note 1", "snooze", "dance 1", "ack 9" + "9" * 30],
)
def test_what_is_not_clear_is_asked_and_changes_nothing(road: Road, types: Types, line: str) -> None:
    told = types("bo", line)
    assert told.tone in (Tone.ASKED, Tone.NOT_DONE)
    assert road.incident().state == "triggered"


def test_a_stakeholder_asks_but_does_not_act(road: Road, types: Types) -> None:
    number = road.incident().pk
    assert "Sam Weiss may not act" in types("sam", f"ack {number}").text
    assert "may not open incidents" in types("sam", "page bo wake up").text
    assert "paged now Bo Lind" in types("sam", "who shop").text
    assert Incident.objects.count() == 1


# -- page --------------------------------------------------------------------------------------------------------------


def test_a_person_is_paged_by_hand_and_then_the_policy_goes_on(
    calm: Road, types: Types, outbox: Outbox
) -> None:
    assert "is open, and Cy Tran is paged now" in types("mo", "page @cy The till is on fire").text
    calm.look()
    assert outbox.people == ["cy"]
    assert Page.objects.get().reason == "level 1 of policy Cy Tran, then Web"
    calm.live(minutes=5)
    assert outbox.people == ["cy", "bo"]
    calm.live(minutes=5)
    assert sorted(outbox.people) == ["bo", "bo", "cy", "cy"]


def test_a_policy_is_paged_by_hand(calm: Road, types: Types, outbox: Outbox) -> None:
    assert types("mo", "page web The till is on fire").tone is Tone.DONE
    calm.look()
    assert outbox.people == ["bo"]
    assert Incident.objects.get().title == "The till is on fire"


@pytest.mark.parametrize("line", ["page", "page bo", "page nobody-knows help"])
def test_paging_asks_whom_and_why(calm: Road, types: Types, line: str) -> None:
    assert types("mo", line).tone is Tone.ASKED
    assert not Incident.objects.exists()


# -- open and report ---------------------------------------------------------------------------------------------------


def test_the_exact_words_are_the_first_entry(calm: Road, types: Types) -> None:
    words = "The <b>checkout</b>  shows {{7*7}} \u202e since lunch"
    told = answer(Reported("fake:sam", words, "All tills.\n  Two customers."), "chat", calm.now)
    assert told.text.startswith("Thank you. #")
    entries = list(Entry.objects.filter(chain=calm.incident().chain).order_by("seq"))
    assert [entry.kind for entry in entries] == ["incident.reported", "incident.opened"]
    assert entries[0].data == {"title": words, "text": "All tills.\n  Two customers.", "address": "fake:sam"}
    assert (entries[0].who, entries[0].through) == ("user:sam", "fake")


def test_a_report_that_names_no_service_goes_to_the_one_for_reports_or_the_most_critical(
    calm: Road, types: Types, monkeypatch: pytest.MonkeyPatch
) -> None:
    Service.objects.create(id="desk", name="Help desk", team=calm.world.web, policy="web", tier=3)
    refresh()
    types("bo", "open It is slow")
    monkeypatch.setattr(settings, "CONFIG", replace(settings.CONFIG, report_service="desk"))
    types("bo", "open It is slow again")
    assert list(Incident.objects.order_by("pk").values_list("service_id", flat=True)) == ["shop", "desk"]


def test_open_takes_a_service_before_the_words(calm: Road, types: Types) -> None:
    Service.objects.create(id="search", name="Search", team=calm.world.web, policy="web")
    refresh()
    assert "is open" in types("bo", "open search It is slow").text
    assert calm.incident().service_id == "search"
    assert "says nothing" in types("bo", "open").text


def test_the_reporter_is_told_of_acceptance_and_end(calm: Road, outbox: Outbox) -> None:
    answer(Reported("fake:guest", "The checkout fails", name="Gil"), "chat", calm.now)
    calm.look()
    assert tell_reporters(calm.now) == 0  # nothing to tell yet
    number = calm.incident().pk
    acknowledge(number, by_user("bo", "web"), calm.now)
    assert tell_reporters(calm.now) == 1
    assert tell_reporters(calm.now) == 0
    resolve(number, by_user("bo", "web"), calm.now, "a cable")
    tell_reporters(calm.now)
    calm.look()
    told = outbox.to("guest")
    assert [message.lines for message in told] == [("Bo Lind has it now.",), ("It is over: a cable",)]
    assert told[0].subject == "Your report: The checkout fails"
    assert not told[0].acts and not told[0].code and not told[0].urgent
    assert not told[0].link  # which would only ask them to sign in
    assert Report.objects.get().became == "ended"


def test_a_reporter_is_not_told_of_what_they_did_themselves(calm: Road, outbox: Outbox) -> None:
    answer(Reported("fake:bo", "The checkout fails"), "chat", calm.now)
    answer(Reported("fake:cy", "The checkout fails here too"), "chat", calm.now)
    for number in Incident.objects.order_by("pk").values_list("pk", flat=True):
        for act in (acknowledge, resolve):
            act(number, by_user("bo", "web"), calm.now)
            tell_reporters(calm.now)
    calm.look()
    notices = [(who, message.lines[0]) for who, message in outbox.sent if message.kind == Kind.NOTICE]
    assert notices == [("cy", "Bo Lind has it now."), ("cy", "It is over.")]
    assert set(Report.objects.values_list("became", flat=True)) == {"ended"}


def test_who_declines_or_links_their_own_report_is_told_nothing(calm: Road, outbox: Outbox) -> None:
    for words in ("The door squeaks", "Checkout is down", "The checkout is slow"):
        answer(Reported("fake:bo", words), "chat", calm.now)
    first, second, third = Incident.objects.order_by("pk").values_list("pk", flat=True)
    decline(first, "oiled", by_user("bo", "web"), calm.now)
    link(third, second, by_user("bo", "web"), calm.now)
    resolve(second, by_user("cy", "web"), calm.now)
    tell_reporters(calm.now)
    calm.look()
    notices = [message.lines[0] for message in outbox.to("bo") if message.kind == Kind.NOTICE]
    assert notices == ["It is over."] * 2  # of the two that were one, which another ended


def test_a_report_that_is_known_already_follows_the_other_incident(calm: Road, outbox: Outbox) -> None:
    answer(Reported("fake:bo", "Checkout is down"), "chat", calm.now)
    first = calm.incident().pk
    told = answer(Reported("fake:sam", "The checkout is slow"), "chat", calm.now)
    assert f"It may be the same as #{first} Checkout is down" in told.text
    second = Incident.objects.latest("pk").pk
    link(second, first, by_user("bo", "web"), calm.now)
    assert Incident.objects.get(pk=second).state == "resolved"
    resolve(first, by_user("bo", "web"), calm.now)
    tell_reporters(calm.now)
    calm.look()
    lines = [message.lines[0] for message in outbox.to("sam")]
    assert lines == [
        f"It is known already, as #{first} Checkout is down. You are told how that goes on.",
        "It is over.",
    ]
    assert Entry.objects.filter(kind="report.joined", chain=f"incident:{first}").exists()


def test_a_report_is_declined_with_a_reason(calm: Road, outbox: Outbox) -> None:
    answer(Reported("fake:sam", "Please repaint the door"), "chat", calm.now)
    number = calm.incident().pk
    with pytest.raises(Refused, match="reason"):
        decline(number, " ", by_user("bo", "web"), calm.now)
    decline(number, "ask the caretaker", by_user("bo", "web"), calm.now)
    tell_reporters(calm.now)
    calm.look()
    assert [m.lines[0] for m in outbox.to("sam")] == [
        "Bo Lind looked at it, and nothing is done: ask the caretaker"
    ]
    assert calm.incident().state == "resolved"
    with pytest.raises(Refused):
        decline(number, "again", by_user("bo", "web"), calm.now)


def test_without_leave_only_people_with_an_account_report(
    calm: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "CONFIG", replace(settings.CONFIG, reports=()))
    assert answer(Reported("fake:guest", "x"), "chat", calm.now).tone is Tone.NOT_DONE
    assert not Incident.objects.exists()
    assert answer(Reported("fake:sam", "x"), "chat", calm.now).tone is Tone.DONE


def test_reports_are_bounded_per_reporter_and_in_all(calm: Road) -> None:
    for turn in range(REPORTS_PER_REPORTER):
        report(Said("x", "", "web", user=calm.world.sam), calm.now)
        report(Said("x", "", "chat", address=f"fake:{turn}"), calm.now)
    with pytest.raises(Refused, match="often"):
        report(Said("x", "", "web", user=calm.world.sam), calm.now)
    for turn in range(REPORTS_OF_STRANGERS - REPORTS_PER_REPORTER):
        report(Said("x", "", "chat", address=f"fake:more-{turn}"), calm.now)
    with pytest.raises(Refused, match="Too many"):
        report(Said("x", "", "chat", address="fake:one-more"), calm.now)
    calm.sleep(hours=1)
    report(Said("x", "", "web", user=calm.world.sam), calm.now)


def test_a_report_that_is_told_twice_opens_one_incident(calm: Road) -> None:
    for _ in range(2):
        told = answer(Reported("fake:sam", "x", id="view-1"), "chat", calm.now)
    assert told.tone is Tone.NOT_DONE
    assert Incident.objects.count() == 1


# -- rules -------------------------------------------------------------------------------------------------------------


def test_a_title_is_one_bounded_line() -> None:
    assert title_of("", "\n  \n The  till\nfails") == "The till"
    assert len(title_of("x" * 500, "")) == 150
    assert title_of(" ", "\n") == ""


def test_what_is_alike_shares_words_the_most_alike_first() -> None:
    others = [(1, "Checkout fails"), (2, "Search is slow"), (3, "Checkout is slow today")]
    assert similar("the checkout is slow", others) == (3, 1, 2)
    assert similar("of an if", others) == ()


def test_a_reporter_is_told_only_what_is_news() -> None:
    assert update_of("", State.TRIGGERED, "") is None
    assert update_of("acknowledged", State.ACKNOWLEDGED, "Bo") is None
    assert update_of("acknowledged", State.TRIGGERED, "") == Update("It is being looked at again.")
    assert update_of("", State.RESOLVED, "") == Update("It is over.", last=True)
