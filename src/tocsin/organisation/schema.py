"""What may stand in an organisation file: every key once, for the reader, the JSON Schema and the reference."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tocsin.catalog import actions as catalog
from tocsin.catalog import rules as catalog_rules
from tocsin.catalog.rules import IntegrationType, UrgencyFrom
from tocsin.escalation import rules as escalation
from tocsin.hooks.rules import EVENTS
from tocsin.hooks.saving import FILTERS_MAX, check_hook_address
from tocsin.kernel.durations import format_duration
from tocsin.kernel.urgency import Impact, Priority, Urgency
from tocsin.notification.channels import check_address
from tocsin.notification.providers import POSITION_MAX
from tocsin.notification.rules import RULE_STEPS_MAX
from tocsin.organisation.compounds import LEFT, OMITTED, Either, Field, Listed, Named, Record
from tocsin.organisation.expect_schema import EXPECTATION, EXPECTATIONS
from tocsin.organisation.kinds import NONE, OneOf, Slug, Span, Text, Whole, YesNo
from tocsin.organisation.provider_kinds import Settings, VendorKind
from tocsin.organisation.rules import EXPECT, TEMPLATES
from tocsin.organisation.schedule_schema import CALENDAR, QUIET, SCHEDULE, WHEN
from tocsin.organisation.template_kinds import SCHEMA as TEMPLATES_SCHEMA
from tocsin.organisation.vocabulary import (
    EventName,
    Key,
    Step,
    Target,
    check_description,
    check_field,
    check_workaround,
)
from tocsin.people import actions as people
from tocsin.people.rules import Language, Role

OBJECTS_MAX = 10_000  # per section and file
FORMAT = "https://json-schema.org/draft/2020-12/schema"


NAME = Text(people.check_name, people.NAME_LENGTH_MAX)
_SLUGS = "Lower-case letters, digits and dashes; it stays the same for ever."
PRIORITIES = Record(
    "priorities",
    tuple(
        Field(
            impact.value,
            Record(
                impact.value,
                tuple(
                    Field(urgency.value, OneOf(Priority), f"The priority of {urgency} urgency.", LEFT)
                    for urgency in Urgency
                ),
            ),
            f"Priorities of {impact} impact.",
            LEFT,
        )
        for impact in Impact
    ),
)

ORGANISATION = Record(
    "organisation",
    (
        Field("name", NAME, "What the organisation is called.", LEFT),
        Field(
            "priorities",
            PRIORITIES,
            "P1 to P5 for each impact and urgency; what is left out is as shipped.",
            LEFT,
        ),
        Field(
            "fallback",
            Slug("the id of a person"),
            "Who is paged when a policy reaches nobody.",
            LEFT,
            nullable=True,
        ),
    ),
)

USER = Record(
    "a user",
    (
        Field("id", Slug(), _SLUGS),
        Field("name", NAME, "As it is shown."),
        Field(
            "email",
            Text(people.check_email, people.EMAIL_LENGTH_MAX, "an e-mail address"),
            "Where sign-in mail goes.",
        ),
        Field(
            "timezone",
            Text(people.check_timezone, 64, "a time zone"),
            "IANA name. Left out: UTC at first, then the person's own choice.",
            LEFT,
        ),
        Field(
            "language",
            OneOf(Language),
            "Of their messages. Left out: en at first, then the person's own choice.",
            LEFT,
        ),
        Field("role", OneOf(Role), "What the person may do.", Role.RESPONDER.value),
        Field("active", YesNo(), "false: cannot sign in and is not paged.", True),
        Field(
            "contacts",
            Named(Text(check_address, people.ADDRESS_LENGTH_MAX, "an address"), people.CONTACTS_MAX),
            "Every way to reach the person, by name: an address whose scheme names the channel. "
            "Left out: the person's own.",
            LEFT,
        ),
        Field(
            "rules",
            Record(
                "rules",
                tuple(
                    Field(
                        urgency.value,
                        Listed(Step(), RULE_STEPS_MAX, once=False),
                        f"Steps when the urgency is {urgency}: a contact at once, or {{contact: delay}}. "
                        "Empty: every contact at once.",
                        [],
                    )
                    for urgency in Urgency
                ),
            ),
            "In which order the person wants to be reached. Left out: the person's own.",
            LEFT,
        ),
        Field(
            "quiet",
            QUIET,
            'When what is not urgent waits: `{hours: [{from: "22:00", to: "07:00"}]}`, `{calendar: ID}` for its '
            "open hours, or `{outside: ID}` for all others. null: never. Left out: the person's own.",
            LEFT,
            nullable=True,
        ),
    ),
)

TEAM = Record(
    "a team",
    (
        Field("id", Slug(), _SLUGS),
        Field("name", NAME, "As it is shown.", ""),
        Field(
            "members",
            Listed(Slug("the id of a person"), people.MEMBERS_MAX),
            "Ids of people, in their order.",
            [],
        ),
        Field("lead", Slug("the id of a person"), "One of the members.", None, nullable=True),
    ),
)

LEVEL = Record(
    "a level",
    (
        Field(
            "notify",
            Listed(Target(), escalation.TARGETS_MAX, least=1),
            'Who is paged: "schedule:ID" (whoever is on call), "schedule:ID/next", "schedule:ID/previous", "team:ID", '
            '"user:ID"; "place:ID" is told, and wakes nobody.',
        ),
        Field(
            "timeout",
            Span(escalation.TIMEOUT_MIN, escalation.TIMEOUT_MAX),
            "How long the level has to answer before the next one is paged.",
        ),
        Field(
            "when",
            WHEN,
            "Only then; at other hours the level is passed over at once. Left out: always.",
            OMITTED,
            nullable=True,
        ),
    ),
)

POLICY = Record(
    "a policy",
    (
        Field("id", Slug(), _SLUGS),
        Field("name", NAME, "As it is shown.", ""),
        Field("team", Slug("the id of a team"), "Who looks after the policy.", None, nullable=True),
        Field(
            "levels",
            Listed(LEVEL, escalation.LEVELS_MAX, least=1, once=False),
            "Who is paged first, and who next.",
        ),
        Field("repeat", Whole(0, escalation.REPEATS_MAX), "Extra rounds after the last level.", 0),
    ),
)

PROVIDER = Record(
    "a provider",
    (
        Field("id", Slug(), _SLUGS + " It stands in the address that the vendor calls."),
        Field("vendor", VendorKind(), "Whose account it is; it stays the same."),
        Field("name", NAME, "As it is shown.", ""),
        Field("position", Whole(1, POSITION_MAX), "Of several for one purpose the lowest is asked first.", 1),
        Field("enabled", YesNo(), "false: it is not asked, and not heard.", True),
        Field(
            "settings",
            Settings(),
            "What an account with the vendor needs: text, `{env: NAME}` or `{file: PATH}`. A secret that is left out "
            "stays as it is, `null` forgets it.",
            {},
        ),
    ),
)

PLACE = Record(
    "a place",
    (
        Field("id", Slug(), _SLUGS),
        Field("name", NAME, "As it is shown.", ""),
        Field(
            "address",
            Text(check_address, people.ADDRESS_LENGTH_MAX, "an address"),
            "Where its messages go: a chat room, a webhook.",
        ),
        Field("language", OneOf(Language), "Of its messages. Left out: that of `TOCSIN_LANGUAGE`.", ""),
    ),
)

GROUPING = Record(
    "grouping",
    (
        Field(
            "by",
            Listed(
                Text(check_field, catalog_rules.GROUP_FIELD_LENGTH_MAX, "a field"),
                catalog_rules.GROUP_FIELDS_MAX,
            ),
            "Labels or details that must be equal; empty: all alerts of the service.",
            [],
        ),
        Field(
            "window",
            Span(catalog_rules.GROUP_WINDOW_MIN, catalog_rules.GROUP_WINDOW_MAX),
            "An alert joins while less than this has passed since the last one joined.",
            format_duration(catalog_rules.Grouping().window),
        ),
    ),
)

INTEGRATION = Record(
    "an integration",
    (
        Field("id", Slug(), _SLUGS + " One id per organisation, not per service."),
        Field("type", OneOf(IntegrationType), "Which set-up lines are shown; a key opens every path."),
        Field("name", NAME, "As it is shown.", ""),
        Field(
            "key", Key(), "What the sender shows. Left out: the key there is, or a new one, shown once.", LEFT
        ),
        Field("enabled", YesNo(), "false: its events are refused.", True),
    ),
)

SERVICE = Record(
    "a service",
    (
        Field("id", Slug(), _SLUGS),
        Field("name", NAME, "As it is shown."),
        Field(
            "description",
            Text(check_description, catalog.DESCRIPTION_LENGTH_MAX, least=0),
            "What it is, for whoever is woken by it.",
            "",
        ),
        Field(
            "workaround",
            Text(check_workaround, catalog.WORKAROUND_LENGTH_MAX, least=0),
            "What is known to help until it is mended; messages about its incidents say it.",
            "",
        ),
        Field("team", Slug("the id of a team"), "Who looks after it.", None, nullable=True),
        Field("policy", Slug("the id of a policy"), "Who is paged. None: the fallback.", None, nullable=True),
        Field("tier", Whole(1, catalog_rules.TIER_MAX), "1 is the most critical.", 3),
        Field(
            "urgency",
            OneOf(UrgencyFrom),
            "severity: critical and error page high, warning and info low; or always the same.",
            UrgencyFrom.SEVERITY.value,
        ),
        Field(
            "grouping", Either(NONE, GROUPING), "Which alerts make one incident; none: each its own.", NONE
        ),
        Field(
            "resolve_delay",
            Span(timedelta(0), catalog_rules.RESOLVE_DELAY_MAX),
            "How long all alerts must be over before the incident resolves.",
            "0s",
        ),
        Field(
            "ack_timeout",
            Span(catalog_rules.ACK_TIMEOUT_MIN, catalog_rules.ACK_TIMEOUT_MAX, never=True),
            "After this an acknowledgement expires and the policy begins again; 0s is the same as never.",
            "30m",
        ),
        Field(
            "restricted",
            YesNo(),
            "true: its incidents are restricted from the start, and read only by whom they concern.",
            False,
        ),
        Field(
            "integrations",
            Listed(INTEGRATION, catalog.INTEGRATIONS_MAX, once=False),
            "Its senders' ways in. Left out: those there are.",
            LEFT,
        ),
    ),
)

WEBHOOK = Record(
    "a webhook",
    (
        Field("id", Slug(), _SLUGS + " Its secret is made with it, and never stands in a file."),
        Field("name", NAME, "As it is shown.", ""),
        Field(
            "address",
            Text(check_hook_address, people.ADDRESS_LENGTH_MAX, "an address"),
            "Where events are posted; it begins with https://.",
        ),
        Field(
            "events",
            Listed(EventName(), len(EVENTS), least=1),
            "What it is told: types of the reference of webhook events.",
        ),
        Field(
            "services",
            Listed(Slug("the id of a service"), FILTERS_MAX),
            "Only incidents of these. None and no teams: all.",
            [],
        ),
        Field(
            "teams", Listed(Slug("the id of a team"), FILTERS_MAX), "And those of these teams' services.", []
        ),
        Field("enabled", YesNo(), "false: it is told nothing.", True),
    ),
)

# The sections of a file, in the order in which they are written and applied.
LISTS: dict[str, Record] = {
    "users": USER,
    "teams": TEAM,
    "calendars": CALENDAR,
    "schedules": SCHEDULE,
    "providers": PROVIDER,
    "places": PLACE,
    "policies": POLICY,
    "services": SERVICE,
    "webhooks": WEBHOOK,
}
SECTIONS = ("organisation", *LISTS, TEMPLATES, EXPECT)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the file, for editors. What refers to what is only checked when it is planned."""
    lists = {
        name: {"type": "array", "items": record.schema(), "maxItems": OBJECTS_MAX}
        for name, record in LISTS.items()
    }
    expected = {"anyOf": [EXPECTATIONS.schema(), EXPECTATION.schema()]}
    return {
        "$schema": FORMAT,
        "title": "Tocsin organisation file",
        "type": "object",
        "properties": {
            "organisation": ORGANISATION.schema(),
            **lists,
            TEMPLATES: TEMPLATES_SCHEMA,
            EXPECT: expected,
        },
        "additionalProperties": False,
    }
