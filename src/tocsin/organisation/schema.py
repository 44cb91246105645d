"""What may stand in an organisation file: every key once, for the reader, the JSON Schema and the reference."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tocsin.catalog import actions as catalog
from tocsin.catalog import rules as catalog_rules
from tocsin.catalog.rules import IntegrationType, UrgencyFrom
from tocsin.escalation import rules as escalation
from tocsin.kernel.durations import format_duration
from tocsin.kernel.errors import Refused
from tocsin.kernel.urgency import Impact, Priority, Urgency
from tocsin.notification.channels import check_address
from tocsin.notification.rule_actions import RULE_DELAY_MAX
from tocsin.notification.rules import RULE_STEPS_MAX
from tocsin.organisation.kinds import (
    BAD,
    LEFT,
    NEVER,
    NONE,
    REQUIRED,
    Either,
    Field,
    Kind,
    Listed,
    Named,
    OneOf,
    Reader,
    Record,
    Slug,
    Span,
    Text,
    Whole,
    YesNo,
    read_entries,
)
from tocsin.organisation.reading import Node
from tocsin.people import actions as people
from tocsin.people.rules import Role

OBJECTS_MAX = 10_000  # per section and file
FORMAT = "https://json-schema.org/draft/2020-12/schema"


# --- kinds of this house --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Target:
    """Somebody a level notifies: "user:bo" or "team:web"."""

    def read(self, node: Node, reader: Reader, path: str) -> Any:
        text = reader.text(node, 'somebody like "user:bo" or "team:web"')
        return text if text is BAD else reader.take(node, lambda: _target(text))

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": "^(user|team):[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$"}


def _target(text: str) -> str:
    target = escalation.parse_target(text)
    if target.kind is escalation.TargetKind.SCHEDULE:
        raise Refused(
            f"{text} cannot be notified: there are no schedules yet", 'somebody like "user:bo" or "team:web"'
        )
    return str(target)


@dataclass(frozen=True)
class Step:
    """A contact at once, `mail`, or after a while, `{hook: 2m}`."""

    delay = Span(timedelta(0), RULE_DELAY_MAX)

    def read(self, node: Node, reader: Reader, path: str) -> Any:
        if node.kind != "map":
            return Slug("a contact such as mail, or {mail: 2m}").read(node, reader, path)
        entries = read_entries(node, reader)
        if entries is BAD:
            return BAD
        if len(entries) != 1:
            return reader.wrong(node, f"The step has {len(entries)} contacts", "one, such as {hook: 2m}")
        ((contact, (_, value)),) = entries.items()
        delay = self.delay.read(value, reader, path)
        return BAD if delay is BAD else step_as_data(contact, delay)

    def schema(self) -> dict[str, Any]:
        waits = {
            "type": "object",
            "additionalProperties": self.delay.schema(),
            "minProperties": 1,
            "maxProperties": 1,
        }
        return {"anyOf": [Slug().schema(), waits]}


def step_as_data(contact: str, delay: str) -> str | dict[str, str]:
    """A step as it is written in the file: the shortest way."""
    return contact if delay == "0s" else {contact: delay}


@dataclass(frozen=True)
class Key:
    """The key of an integration. Whatever is wrong with it, it is not repeated."""

    def read(self, node: Node, reader: Reader, path: str) -> Any:
        if node.kind != "str":
            return reader.wrong(node, "The key is not text", mend="Write it in quotes.")
        return reader.take(node, lambda: catalog.check_key(node.value))

    def schema(self) -> dict[str, Any]:
        return {
            "type": "string",
            "minLength": catalog.KEY_LENGTH_MIN,
            "maxLength": catalog.KEY_LENGTH_MAX,
            "pattern": "^[A-Za-z0-9_.~-]+$",
        }


def _field_name(text: str) -> str:
    if not text.strip() or len(text) > catalog_rules.GROUP_FIELD_LENGTH_MAX:
        raise Refused(
            f"{text[:60]!r} is not a field of an alert", "a name such as alertname or labels.region"
        )
    return text


def _description(text: str) -> str:
    if len(text) > catalog.DESCRIPTION_LENGTH_MAX:
        raise Refused("The description is too long", f"at most {catalog.DESCRIPTION_LENGTH_MAX} characters")
    return text.strip()


def _default(span: timedelta) -> str:
    return format_duration(span)


# --- the sections ---------------------------------------------------------------------------------------

NAME = Text(people.check_name, people.NAME_LENGTH_MAX)
_SLUGS = "Lower-case letters, digits and dashes; it stays the same for ever."
_PRIORITIES = Record(
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
            _PRIORITIES,
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
            'Who is paged: "user:ID" or "team:ID".',
        ),
        Field(
            "timeout",
            Span(escalation.TIMEOUT_MIN, escalation.TIMEOUT_MAX),
            "How long the level has to answer before the next one is paged.",
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

GROUPING = Record(
    "grouping",
    (
        Field(
            "by",
            Listed(
                Text(_field_name, catalog_rules.GROUP_FIELD_LENGTH_MAX, "a field"),
                catalog_rules.GROUP_FIELDS_MAX,
            ),
            "Labels or details that must be equal; empty: all alerts of the service.",
            [],
        ),
        Field(
            "window",
            Span(catalog_rules.GROUP_WINDOW_MIN, catalog_rules.GROUP_WINDOW_MAX),
            "An alert joins while less than this has passed since the last one joined.",
            _default(catalog_rules.Grouping().window),
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
            Text(_description, catalog.DESCRIPTION_LENGTH_MAX, least=0),
            "What it is, for whoever is woken by it.",
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
            "integrations",
            Listed(INTEGRATION, catalog.INTEGRATIONS_MAX, once=False),
            "Its senders' ways in. Left out: those there are.",
            LEFT,
        ),
    ),
)

# The sections of a file, in the order in which they are written and applied.
LISTS: dict[str, Record] = {"users": USER, "teams": TEAM, "policies": POLICY, "services": SERVICE}
SECTIONS = ("organisation", *LISTS)
LATER = {"schedules": "There are no schedules yet: they come with a later version."}


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the file, for editors. What refers to what is only checked when it is planned."""
    lists = {
        name: {"type": "array", "items": record.schema(), "maxItems": OBJECTS_MAX}
        for name, record in LISTS.items()
    }
    return {
        "$schema": FORMAT,
        "title": "Tocsin organisation file",
        "type": "object",
        "properties": {"organisation": ORGANISATION.schema(), **lists},
        "additionalProperties": False,
    }


def reference() -> str:
    """The tables of docs/reference/organisation-file.md."""
    tables = [
        ("organisation", ORGANISATION),
        ("organisation.priorities", _PRIORITIES),
        ("organisation.priorities.*", _inside(_PRIORITIES, Impact.MAJOR)),
    ]
    tables += [(f"{name}[]", record) for name, record in LISTS.items()]
    tables += [
        ("users[].rules", _inside(USER, "rules")),
        ("policies[].levels[]", LEVEL),
        ("services[].grouping", GROUPING),
        ("services[].integrations[]", INTEGRATION),
    ]
    parts = []
    for path, record in tables:
        rows = [
            f"| `{each.name}` | {_value_in_words(each.kind)} | {_default_in_words(each)} | {each.help} |"
            for each in record.fields
        ]
        head = ["| key | value | left out | meaning |", "|---|---|---|---|"]
        parts.append("\n".join([f"### `{path}`", "", *head, *rows]))
    return "\n\n".join(parts) + "\n"


def _value_in_words(kind: Kind) -> str:
    """What may stand there, for the reference."""
    match kind:
        case Whole():
            return f"{kind.least} to {kind.most}"
        case YesNo():
            return "`true` or `false`"
        case OneOf():
            return ", ".join(f"`{choice.value}`" for choice in kind.choices)
        case Span():
            never = f", or `{NEVER}`" if kind.never else ""
            return f"{format_duration(kind.least)} to {format_duration(kind.most)}{never}"
        case Listed(kind=Record()):
            return f"list of at most {kind.most}, see below"
        case Listed():
            return f"list of at most {kind.most}: {_value_in_words(kind.kind)}"
        case Named():
            return f"at most {kind.most} names with {_value_in_words(kind.kind)}"
        case Either():
            return f"`{kind.word}`, or see below"
        case Text():
            return f"{kind.words}, at most {kind.length_max} characters"
        case Slug():
            return kind.words
        case Target():
            return '`"user:ID"`, `"team:ID"`'
        case Step():
            return f"`contact` or `{{contact: delay}}`, at most {format_duration(kind.delay.most)}"
        case Key():
            return f"{catalog.KEY_LENGTH_MIN} to {catalog.KEY_LENGTH_MAX} characters"
    return "see below"


def _inside(record: Record, name: str) -> Record:
    kind: Kind = next(each.kind for each in record.fields if each.name == name)
    assert isinstance(kind, Record)
    return kind


def _default_in_words(each: Field) -> str:
    if each.default is REQUIRED:
        return "**must be there**"
    if each.default is LEFT:
        return "stays as it is"
    if each.default in (None, "", []):
        return "the id" if each.name == "name" else "none"
    return f"`{str(each.default).lower() if isinstance(each.default, bool) else each.default}`"
