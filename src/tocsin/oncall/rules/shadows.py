"""Trainees who are sent copies, marked "shadow, do not act". They are never on call, so no coverage counts them."""

from __future__ import annotations

from datetime import datetime

from tocsin.kernel.spans import Span
from tocsin.oncall.rules.painting import INSTANT, timeline
from tocsin.oncall.rules.values import Schedule, Shift


def shadow_shifts(schedule: Schedule, start: datetime, end: datetime) -> tuple[Shift, ...]:
    """When in [start, end) trainees are sent copies: while whom they shadow is on call and they are not.

    They come in the order of the schedule's shadows, each sorted.

    `sources` says whose: "shadow:ada", or "shadow:" for whoever is on call.
    """
    found: list[Shift] = []
    for shadow in schedule.shadows:
        span = Span(start, end).common(shadow.span)
        for shift in timeline(schedule, *span).shifts if span else ():
            if (shadow.of in shift.users or not shadow.of) and shadow.trainee not in shift.users:
                sources = (f"shadow:{shadow.of}",)
                if found and found[-1].end == shift.start and found[-1].sources == sources:
                    found[-1] = found[-1]._replace(end=shift.end)
                else:
                    found.append(Shift(*shift.span, (shadow.trainee,), sources))
    return tuple(found)


def shadowing(schedule: Schedule, at: datetime) -> tuple[str, ...]:
    """The trainees who are sent copies of what is sent at the instant `at`, each once."""
    shifts = shadow_shifts(schedule, at, at + INSTANT)
    return tuple(dict.fromkeys(user for shift in shifts for user in shift.users))
