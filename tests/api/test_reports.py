"""Reports over REST and on the command line's way: anybody with an account, no token that only reads."""

from __future__ import annotations

from collections.abc import Callable

from tests.api.conftest import Program
from tests.world import Clock, World
from tocsin.answering.models import Report
from tocsin.kernel.acting import By
from tocsin.people.actions import add_token


def test_a_stakeholder_reports_and_follows(world: World, program_of: Callable[..., Program]) -> None:
    sam = program_of(world.sam)
    made = sam.post("/reports", {"title": "The till fails", "text": "Since lunch.", "urgent": False})
    assert (made.status, made.body["urgency"]) == (201, "low")
    more = sam.post("/reports", {"title": "Here too", "follows": made.body["number"]})
    assert more.body["number"] == made.body["number"]
    assert list(Report.objects.values_list("title", "became")) == [
        ("The till fails", "open"),
        ("Here too", "linked"),
    ]
    assert sam.post(f"/incidents/{made.body['number']}/decline", {"reason": "x"}).status == 403


def test_what_a_report_lacks_is_said(world: World, program_of: Callable[..., Program]) -> None:
    sam = program_of(world.sam)
    assert sam.post("/reports", {"title": " "}).status in (400, 422)
    assert "no service" in sam.post("/reports", {"title": "x", "service": "nope"}).text
    assert sam.post("/reports", {"title": "x", "follows": 999_999}).status == 409


def test_a_token_that_only_reads_reports_nothing(
    world: World, program_of: Callable[..., Program], clock: Clock
) -> None:
    _, secret = add_token(world.sam, "x", "read", None, By("cli", "cli"), clock.now)
    assert Program(secret).post("/reports", {"title": "x"}).status == 403
    assert not Report.objects.exists()
