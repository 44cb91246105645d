"""Copies of pages for trainees, marked "shadow, do not act". They are nobody's page: no climb counts on them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.utils.translation import gettext, override

from tocsin.catalog.actions import per_configuration
from tocsin.escalation.rules import Decision, PageLevel, TargetKind, parse_target
from tocsin.notification.actions import Call
from tocsin.notification.book import everybody
from tocsin.notification.rules import Kind
from tocsin.oncall.reading import schedules
from tocsin.oncall.rules import Schedule, shadowing


@per_configuration
def _shadowed() -> Mapping[str, Schedule]:
    """The schedules with trainees: mostly none, and then a page costs nothing more."""
    return {key: schedule for key, schedule in schedules().items() if schedule.shadows}


def learners(
    policy: Mapping[str, Any], decision: Decision, paged: Collection[str], now: datetime
) -> tuple[str, ...]:
    """The trainees who are sent copies of what a level of `policy`, as climbs keep it, sends: those of its schedules,
    without whom it pages."""
    known, found = _shadowed(), dict[str, None]()
    if not known or not isinstance(decision, PageLevel):
        return ()
    for text in policy["levels"][decision.number - 1]["notify"]:
        target = parse_target(text)
        if target.kind is TargetKind.SCHEDULE and not target.shift and target.id in known:
            found |= dict.fromkeys(shadowing(known[target.id], now))
    return tuple(user for user in found if user not in paged)


def copy_of(call: Call) -> Call:
    """The call as a trainee gets it: marked, and without anything to press."""
    with override(everybody()[call.user_id or ""].language):
        mark = gettext("[shadow, do not act]")
        learning = gettext("You are learning: look, ask, do not act. Others were paged.")
    return replace(
        call,
        kind=Kind.SHADOW,
        subject=f"{mark} {call.subject}",
        lines=[learning, *call.lines],
        reason=f"shadow of {call.reason}",
    )
