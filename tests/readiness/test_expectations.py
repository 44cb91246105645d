"""Expectations kept as text: read strictly, judged truly."""

from __future__ import annotations

import pytest

from tests.oncall_rules.world import MADRID, at, daily
from tests.readiness.arranging import MINUTE, arrangement, person
from tocsin.kernel.moments import parse_instant
from tocsin.kernel.spans import Span
from tocsin.kernel.urgency import Urgency
from tocsin.kernel.zones import zone
from tocsin.organisation.reading import File
from tocsin.organisation.rules import EXPECTATIONS_MAX
from tocsin.readiness.reading import ExpectationsRefused, read_expectations
from tocsin.readiness.rules import Arrangement, Expectation, judge, moment

OFFICE = [{"days": ["mon-fri"], "from": "09:00", "to": "17:00"}]


def shop(*levels: str) -> Arrangement:
    """Ada in office hours by schedule, with what else is named."""
    schedules = ({"id": "web", "layers": [daily("ada", restrict=OFFICE)]},)
    return arrangement(*(levels or ("schedule:web", "10m user:bo", "user:cy")), schedules=schedules)


def read(text: str, there: Arrangement | None = None) -> tuple[Expectation, ...]:
    return read_expectations([File("tests.yaml", text)], there or shop())


def problems(text: str, there: Arrangement | None = None) -> list[str]:
    with pytest.raises(ExpectationsRefused) as refusal:
        read(text, there)
    assert str(refusal.value).endswith("Mend them all, then check again.")
    return [str(problem) for problem in refusal.value.problems]


def verdicts(text: str, there: Arrangement | None = None) -> list[str]:
    there = there or shop()
    return [verdict.why for verdict in judge(there, read(text, there))]


def test_an_expectation_says_when_whose_how_loud_how_many_and_how_fast() -> None:
    (one,) = read("expect: {at: 2026-12-25T03:00, service: shop, urgency: low, people: 2, within: 10m}")
    assert one == Expectation(
        "shop",
        Urgency.LOW,
        moment(at("2026-12-25T03:00")),
        2,
        10 * MINUTE,
        "tests.yaml:1",
        "shop, low urgency, 2026-12-25T03:00: 2 people within 10m",
    )


def test_what_is_left_out_is_high_urgency_one_person_and_at_all() -> None:
    (one,) = read("expect:\n  - {at: 2026-12-25, service: shop}\n")
    assert (one.urgency, one.people, one.within, one.where) == (Urgency.HIGH, 1, None, "tests.yaml:2")


def test_every_instant_of_a_span_can_be_meant() -> None:
    (one,) = read("expect: [{at: 2026-12-24, until: 2026-12-27, service: shop}]")
    assert one.span == Span(at("2026-12-24"), at("2026-12-27"))


def test_a_file_may_be_a_list_and_hold_several_documents() -> None:
    entry = "{at: 2026-12-25T03:00, service: shop}"
    assert len(read(f"- expect: {entry}\n- expect: [{entry}]\n---\nexpect: {entry}\n---\n")) == 3
    assert read("") == ()


def test_of_an_organisation_file_only_what_it_expects_is_read() -> None:
    assert len(read("users: []\nexpect: {at: 2026-12-25T03:00, service: shop}\nservices: []")) == 1


@pytest.mark.parametrize(
    ("text", "zone_name"),
    [
        ("{at: 2026-12-25T03:00, service: shop}", MADRID),  # that of the first schedule
        ("{at: 2026-12-25T03:00, service: shop, timezone: Asia/Kolkata}", "Asia/Kolkata"),
        ("{at: '2026-12-25T03:00+05:30', service: shop, timezone: America/New_York}", "Asia/Kolkata"),
        ("{at: 2026-12-25T03:00Z, service: shop}", "UTC"),
    ],
)
def test_a_time_is_meant_in_its_own_offset_else_a_named_zone_else_the_schedules(
    text: str, zone_name: str
) -> None:
    (one,) = read(f"expect: {text}")
    assert one.span.start == parse_instant("2026-12-25T03:00", zone(zone_name))


def test_a_zone_of_the_file_is_that_of_every_time_without_one_of_its_own() -> None:
    first, second = read(
        "timezone: Asia/Tokyo\nexpect: [{at: 2026-12-25T03:00, service: shop},"
        " {at: 2026-12-25T03:00, service: shop, timezone: UTC}]"
    )
    assert first.span.start == parse_instant("2026-12-25T03:00", zone("Asia/Tokyo"))
    assert second.span.start == parse_instant("2026-12-25T03:00", zone("UTC"))


def test_a_service_without_a_schedule_needs_a_zone_to_be_named() -> None:
    there = shop("user:ada")
    assert problems("expect: {at: 2026-12-25T03:00, service: shop}", there) == [
        "tests.yaml:1: The zone of 2026-12-25T03:00 is not known. Expected timezone, or an offset such as "
        "2026-12-25T03:00+01:00. The policy of the service names no schedule whose zone could be meant."
    ]
    assert read("timezone: Europe/Madrid\nexpect: {at: 2026-12-25T03:00, service: shop}", there)


def test_everything_that_is_wrong_is_told_at_once_with_its_line() -> None:
    text = """\
timezone: Europe/Madird
expekt: []
expect:
  - {service: shop}
  - {at: noon, service: shop}
  - {at: 2026-12-25T03:00, service: shpo}
  - {at: 2026-12-25T03:00, service: shop, urgency: loud, people: 0, within: 8d}
  - {at: 2026-12-25T03:00, service: shop, persons: 2}
  - 2026-12-25T03:00
"""
    said = problems(text)
    assert [line.partition(": ")[0] for line in said] == [
        f"tests.yaml:{n}" for n in (2, 1, 4, 5, 7, 7, 7, 8, 9)
    ]
    assert "Unknown key 'expekt'. Expected one of expect, timezone. Did you mean 'expect'?" in said[0]
    assert "'Europe/Madird' is not a time zone" in said[1]


def test_an_unknown_service_and_an_impossible_span_are_refused_at_their_place() -> None:
    text = """\
expect:
  - at: 2026-12-25T03:00
    service: shpo
  - at: 2026-12-25T03:00
    until: 2026-12-24T03:00
    service: shop
  - {at: 2026-01-01, until: 2027-01-01, service: shop}
"""
    assert problems(text) == [
        "tests.yaml:3: No service 'shpo'. Expected the id of a service. Did you mean 'shop'?",
        "tests.yaml:5: From 2026-12-25T03:00 until 2026-12-24T03:00. Expected at most 26 weeks, not empty.",
        "tests.yaml:7: From 2026-01-01 until 2027-01-01. Expected at most 26 weeks, not empty.",
    ]


def test_a_scalar_a_section_of_another_kind_and_too_many_are_refused() -> None:
    assert "3 stands where" in problems("3")[0].replace("'", "")
    assert "stands where expectations belong" in problems("expect: soon")[0]
    many = "expect:\n" + "  - {at: 2026-12-25, service: shop}\n" * (EXPECTATIONS_MAX + 1)
    assert problems(many) == [f"{EXPECTATIONS_MAX + 1} expectations. Expected at most {EXPECTATIONS_MAX}."]


def test_an_expectation_that_is_met_and_one_that_is_not() -> None:
    text = """\
expect:
  - {at: 2026-12-25T12:00, service: shop, people: 2, within: 5m}    # a Friday: ada at once, bo after five minutes
  - {at: 2026-12-26T12:00, service: shop, people: 2, within: 5m}    # a Saturday: bo at once, cy after ten
  - {at: 2026-12-26T12:00, service: shop, people: 3}
"""
    assert verdicts(text) == [
        "",
        "Person 2 of 2, Cy Tran, is reached after 10 min at level 3, not within 5 min "
        "(level 1: nobody is on call in schedule web).",
        "Only 2 of 3 people are reached: Bo Lind, Cy Tran (level 1: nobody is on call in schedule web).",
    ]


def test_over_a_span_the_first_instant_at_which_it_fails_is_explained() -> None:
    there = shop("schedule:web")
    text = "expect: {at: 2026-12-25T10:00, until: 2026-12-25T18:00, service: shop}"
    (verdict,) = judge(there, read(text, there))
    assert not verdict.met
    assert verdict.proof.weak[0].start == at("2026-12-25T17:00")


def test_the_past_can_be_expected_too() -> None:
    assert verdicts("expect: {at: 2019-05-01T10:00, service: shop}") == [""]


def test_people_who_cannot_be_reached_do_not_count() -> None:
    there = arrangement("user:ada", people=(person("ada", contacts={}),))
    assert verdicts("expect: {at: 2026-12-25T03:00Z, service: shop}", there) == [
        "Nobody is reached (level 1: Ada Ortiz has no contact)."
    ]
