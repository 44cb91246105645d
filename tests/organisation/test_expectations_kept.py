"""Expectations in the organisation file: kept, written back, and judged whenever somebody checks."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.organisation.files import applied, mistakes
from tests.world import Clock, Outbox, World
from tocsin.catalog.actions import delete_service, organisation, save_organisation, save_service
from tocsin.catalog.rules import DEFAULT_MATRIX, ServiceValue
from tocsin.journal.models import Entry
from tocsin.kernel.acting import By
from tocsin.organisation.exporting import export
from tocsin.organisation.reading import File
from tocsin.readiness.actions import check

CLI = By("cli", "cli")
TWO = """\
expect:
  - {at: 2026-12-25T03:00, timezone: Europe/Madrid, service: shop, people: 2, within: 5m}
  - {at: 2026-12-24, until: 2026-12-27, timezone: UTC, service: shop, urgency: low, people: 3}
"""


@pytest.fixture(autouse=True)
def _channel(outbox: Outbox) -> Outbox:
    return outbox


def test_what_is_expected_is_kept_and_written_back_so_that_nothing_changes(
    world: World, clock: Clock
) -> None:
    assert applied(TWO, clock) == [
        "change organisation: expect 2 added",
        "0 to add, 1 to change, 0 to remove.",
    ]
    assert applied(TWO, clock) == ["Nothing changes."]
    exported = export()
    assert applied(exported, clock) == ["Nothing changes."]
    written: Any = yaml.safe_load(exported)["expect"]
    assert [str(each["at"]) for each in written] == ["2026-12-25T03:00", "2026-12-24"]
    assert [sorted(each) for each in written] == [
        ["at", "people", "service", "timezone", "within"],
        ["at", "people", "service", "timezone", "until", "urgency"],
    ]


def test_one_alone_a_section_that_is_left_out_and_an_empty_one(world: World, clock: Clock) -> None:
    one = "expect: {at: 2026-12-25T03:00Z, service: shop}"
    assert applied(one, clock)[0] == "change organisation: expect 1 added"
    assert applied("organisation: {name: Shopkeepers}", clock)[0].startswith("change organisation: name")
    assert len(organisation().expectations) == 1
    assert applied("expect: []", clock)[0] == "change organisation: expect 1 removed"
    assert "expect" not in yaml.safe_load(export())


def test_settings_saved_elsewhere_leave_what_is_expected(world: World, clock: Clock) -> None:
    applied(TWO, clock)
    save_organisation("Shopkeepers", DEFAULT_MATRIX, "ada", CLI, clock.now)
    assert len(organisation().expectations) == 2


def test_every_check_judges_what_the_organisation_expects(world: World, clock: Clock) -> None:
    applied(TWO, clock)
    met, unmet = check([], clock.now).verdicts
    assert (met.met, met.where) == (True, "organisation, expectation 1")
    assert met.text == "shop, high urgency, 2026-12-25T03:00: 2 people within 5m"
    assert unmet.why == "Only 2 of 3 people are reached: Bo Lind, Cy Tran."
    assert not check([], clock.now).passed()


def test_a_change_is_judged_by_what_it_expects_itself(world: World, clock: Clock) -> None:
    change = "expect: {at: 2026-12-25T03:00Z, service: shop, people: 4}"
    (verdict,) = check([], clock.now, organisation=[File("org.yaml", change)]).verdicts
    assert not verdict.met
    assert check([], clock.now).verdicts == ()


def test_what_cannot_be_told_any_more_is_not_met(world: World, clock: Clock) -> None:
    applied("expect: {at: 2026-12-25T03:00, service: shop}", clock)
    (unclear,) = check([], clock.now).verdicts
    assert unclear.why.startswith("The zone of 2026-12-25T03:00 is not known.")


def test_a_service_that_is_deleted_takes_what_is_expected_of_it_along(world: World, clock: Clock) -> None:
    save_service(ServiceValue("search", "Search", policy="web"), "", CLI, clock.now)
    applied(
        "expect: [{at: 2026-12-25T03:00Z, service: search}, {at: 2026-12-25T03:00Z, service: shop}]", clock
    )
    delete_service("search", CLI, clock.now)
    assert [each["service"] for each in organisation().expectations] == ["shop"]
    assert [each.met for each in check([], clock.now).verdicts] == [True]
    assert applied(export(), clock) == ["Nothing changes."]
    fact = Entry.objects.filter(kind="organisation.saved").latest("pk")
    assert [each["service"] for each in fact.data["after"]["expectations"]] == ["shop"]


def test_mistakes_are_told_with_their_lines(world: World) -> None:
    assert mistakes("expect:\n  - {at: noon, service: shop}\n  - {service: shop}\n") == [
        "org.yaml:2: 'noon' is not a point in time. Expected one such as 2026-01-05T09:00 or 2026-01-05.",
        "org.yaml:3: Here an expectation has no at. Expected the key at. When an incident is opened.",
    ]
    assert mistakes("expect:\n  - {at: 2026-12-25T03:00Z, service: shpo}\n") == [
        "org.yaml:2: No service 'shpo'. Expected one of shop. Did you mean 'shop'?"
    ]
    assert mistakes("expect:\n  - at: 2026-12-25\n    until: 2026-12-24\n    service: shop\n") == [
        "org.yaml:3: It is until 2026-12-24. Expected an end after 2026-12-25."
    ]
    assert "stands where a list belongs" in mistakes("expect: soon")[0]
