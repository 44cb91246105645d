"""Stories of the past with another arrangement."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.oncall_rules.world import at, daily
from tests.readiness.arranging import arrangement, person
from tocsin.kernel.spans import Span
from tocsin.kernel.urgency import Urgency
from tocsin.readiness.rules import Happened, Past, Search, Tally, backtest, rows_of, searches_of, tallies

NIGHT, MORNING = at("2026-01-06T02:00"), at("2026-01-06T10:00")
MINUTE = timedelta(minutes=1)


def past(start: datetime, minutes: int, *paged: str, service: str = "shop") -> Past:
    search = Search(Urgency.HIGH, Span(start, start + minutes * MINUTE))
    return Past(1, service, (search,), tuple((start, user) for user in paged))


def test_whoever_would_have_been_on_call_is_paged_instead_until_it_was_answered() -> None:
    layers = [daily("cy", "dan", start="2026-01-05T09:00")]
    there = arrangement(
        "5m schedule:web", "5m user:ada", "user:bo", schedules=({"id": "web", "layers": layers},)
    )
    quick, slow = backtest(there, [past(NIGHT, 3, "ada"), past(MORNING, 6, "ada")])
    assert quick.paged == ((NIGHT, "cy"),)
    assert slow.paged == ((MORNING, "dan"), (MORNING + 5 * MINUTE, "ada"))


def test_an_answer_at_the_very_instant_of_a_page_comes_before_it() -> None:
    there = arrangement("5m user:ada", "user:bo")
    (replayed,) = backtest(there, [past(NIGHT, 5)])
    assert [user for _, user in replayed.paged] == ["ada"]


def test_a_policy_that_comes_to_its_end_pages_the_fallback() -> None:
    there = arrangement("5m user:ada", fallback=("bo",))
    (replayed,) = backtest(there, [past(NIGHT, 60)])
    assert replayed.paged == ((NIGHT, "ada"), (NIGHT + 5 * MINUTE, "bo"))


def test_a_service_that_is_no_more_pages_nobody_and_is_said_to_be_gone() -> None:
    (replayed,) = backtest(arrangement("user:ada"), [past(NIGHT, 60, "ada", service="old")])
    assert (replayed.paged, replayed.unserved) == ((), True)


def test_pages_and_those_at_night_are_counted_per_person_by_their_own_clock() -> None:
    there = arrangement("user:bo", people=(person("bo", timezone="Asia/Tokyo"),))
    then = [past(NIGHT, 3, "ada"), past(NIGHT, 3, "ada"), past(MORNING, 3, "ada")]
    zones = {"ada": "Europe/Madrid", "bo": "Asia/Tokyo"}
    found = tallies(then, backtest(there, then), {"ada": "Ada Ortiz", "bo": "Bo Lind"}, zones)
    # 02:00 in Madrid is 10:00 in Tokyo; 10:00 in Madrid is 18:00 there.
    assert found == (Tally("ada", "Ada Ortiz", 3, 2, 0, 0), Tally("bo", "Bo Lind", 0, 0, 3, 0))
    assert rows_of(found)[1:] == [
        ["ada", "Ada Ortiz", "3", "2", "0", "0"],
        ["bo", "Bo Lind", "0", "0", "3", "0"],
    ]


def test_a_name_that_a_spreadsheet_would_compute_is_written_as_text() -> None:
    rows = rows_of([Tally("eve", "=1+1", 1, 0, 0, 0), Tally("bo", "@bo", 0, 0, 1, 0)])
    assert [row[1] for row in rows[1:]] == ["'=1+1", "'@bo"]


def test_nothing_recorded_replays_to_nothing() -> None:
    assert backtest(arrangement("user:ada"), []) == ()
    assert backtest(arrangement("user:ada"), [Past(1, "shop", ())])[0].paged == ()


def fact(kind: str, minute: int, by: str = "", **data: Any) -> Happened:
    return Happened(kind if "." in kind else f"incident.{kind}", NIGHT + minute * MINUTE, data, by)


def spans(*facts: Happened) -> list[tuple[str, int, int]]:
    """What was searched for: urgency, from and to in minutes."""
    found = searches_of(facts, NIGHT + 99 * MINUTE)
    return [
        (each.urgency, (each.span.start - NIGHT) // MINUTE, (each.span.end - NIGHT) // MINUTE)
        for each in found
    ]


def test_somebody_is_looked_for_from_the_opening_until_the_answer() -> None:
    assert spans(fact("opened", 0, urgency="low"), fact("noted", 1), fact("acknowledged", 7)) == [
        ("low", 0, 7)
    ]
    assert spans(fact("opened", 0, urgency="high")) == [("high", 0, 99)]


def test_it_begins_again_when_an_acknowledgement_runs_out_it_is_reopened_or_gets_worse() -> None:
    assert spans(
        fact("opened", 0, urgency="low"),
        fact("acknowledged", 5),
        fact("ack_expired", 35),
        fact("resolved", 40),
        fact("closed", 41),
        fact("reopened", 50),
        fact("worsened", 55, urgency="high"),
        fact("acknowledged", 60),
    ) == [("low", 0, 5), ("low", 35, 40), ("low", 50, 55), ("high", 55, 60)]


def test_raising_the_urgency_of_one_that_nobody_has_looks_anew_and_of_another_does_not() -> None:
    opened = fact("opened", 0, urgency="low")
    assert spans(opened, fact("classified", 4, urgency="high"), fact("resolved", 9)) == [
        ("low", 0, 4),
        ("high", 4, 9),
    ]
    assert spans(opened, fact("acknowledged", 2), fact("classified", 4, urgency="high")) == [("low", 0, 2)]
    assert spans(opened, fact("classified", 4, impact="minor"), fact("resolved", 9)) == [("low", 0, 9)]


def test_one_that_is_put_off_or_held_after_a_restore_looks_for_nobody() -> None:
    opened = fact("opened", 0, urgency="high")
    assert spans(opened, fact("snoozed", 3), fact("ack_expired", 63), fact("resolved", 70)) == [
        ("high", 0, 3),
        ("high", 63, 70),
    ]
    assert spans(opened, fact("climb.held", 8), fact("resolved", 50)) == [("high", 0, 8)]


def test_an_escalation_by_hand_happens_again_before_an_answer_and_after_it() -> None:
    there = arrangement("20m user:ada", "20m user:bo", "20m user:cy", "user:dan")
    facts = [fact("opened", 0, urgency="high"), fact("climb.pushed", 2), fact("acknowledged", 5, "bo")]
    facts += [fact("climb.pushed", 9), fact("climb.pushed", 12)]
    searches = searches_of(facts, NIGHT + 99 * MINUTE)
    (replayed,) = backtest(there, [Past(1, "shop", searches)])
    assert [((at - NIGHT) // MINUTE, user) for at, user in replayed.paged] == [
        (0, "ada"),
        (2, "bo"),
        (9, "cy"),
        (12, "dan"),
    ]


def test_whose_answer_ran_out_is_asked_again_beside_the_first_level() -> None:
    facts = [fact("opened", 0, urgency="high"), fact("acknowledged", 6, "cy"), fact("ack_expired", 36)]
    searches = searches_of([*facts, fact("resolved", 38)], NIGHT + 99 * MINUTE)
    past = [Past(1, "shop", searches)]
    (same,) = backtest(arrangement("5m user:bo", "user:cy"), past)
    assert [user for _, user in same.paged] == ["bo", "cy", "bo", "cy"]
    (other,) = backtest(arrangement("5m user:ada", "user:dan"), past)  # there, it is dan who has answered
    assert [user for _, user in other.paged] == ["ada", "dan", "ada", "dan"]


def test_whom_somebody_asked_in_person_is_asked_all_the_same_while_they_are_there() -> None:
    by_hand = ((NIGHT, "cy"), (NIGHT, "gone"))
    (replayed,) = backtest(arrangement("user:ada"), [Past(1, "shop", (), by_hand, by_hand)])
    assert replayed.paged == ((NIGHT, "cy"),)


def test_one_for_which_nobody_who_can_be_reached_is_paged_is_missed() -> None:
    bo, dan = person("bo", contacts={}), person("dan", broken={"way-0": "fails"})
    searched = past(NIGHT, 60)
    for levels, fallback, missed in (
        (["user:ada"], (), False),
        (["5m user:bo", "user:dan"], (), True),
        (["user:bo"], ("ada",), False),  # the fallback hears of it
        (["schedule:nowhere"], ("bo",), True),
    ):
        there = arrangement(*levels, people=(bo, dan), fallback=fallback)
        (replayed,) = backtest(there, [searched])
        assert replayed.missed is missed, levels
    assert not backtest(arrangement(people=(bo,)), [Past(1, "shop", ())])[0].missed  # it looked for nobody
