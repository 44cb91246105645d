"""What may stand under `expect`, in an organisation file or in a file of its own."""

from __future__ import annotations

from datetime import timedelta

from tocsin.kernel.urgency import Urgency
from tocsin.organisation.compounds import Field, Listed, Record
from tocsin.organisation.kinds import OneOf, Slug, Span, Whole
from tocsin.organisation.rules import EXPECTATIONS_MAX, EXPECTED_PEOPLE_MAX, EXPECTED_WITHIN_MAX
from tocsin.organisation.schedule_schema import AT, ZONE

EXPECTATION = Record(
    "an expectation",
    (
        Field("at", AT, "When an incident is opened."),
        Field("until", AT, "Left out: at that instant alone; else at every one before this.", None),
        Field(
            "timezone",
            ZONE,
            "Of both. Left out: that of the first schedule the service's policy names.",
            None,
        ),
        Field("service", Slug("the id of a service"), "Whose incident it is."),
        Field("urgency", OneOf(Urgency), "How it pages.", Urgency.HIGH.value),
        Field("people", Whole(1, EXPECTED_PEOPLE_MAX), "So many different people are reached.", 1),
        Field("within", Span(timedelta(0), EXPECTED_WITHIN_MAX), "In this time. Left out: at all.", None),
    ),
)
EXPECTATIONS = Listed(EXPECTATION, EXPECTATIONS_MAX, once=False)
