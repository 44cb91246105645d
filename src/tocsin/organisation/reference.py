"""The tables of docs/reference/organisation-file.md, from the declarations that read the file."""

from __future__ import annotations

from tocsin.catalog import actions as catalog
from tocsin.kernel.durations import format_duration
from tocsin.kernel.urgency import Impact
from tocsin.organisation import compounds, kinds
from tocsin.organisation.compounds import Field, Record
from tocsin.organisation.expect_schema import EXPECTATION
from tocsin.organisation.kinds import Kind
from tocsin.organisation.provider_kinds import SETTINGS_MAX, Settings, VendorKind
from tocsin.organisation.schedule_kinds import Clock, Days, Moment, OneShape, Slot
from tocsin.organisation.schedule_schema import (
    HOLIDAY,
    HUSHED,
    JOINING,
    LAYER,
    OVERRIDE,
    SHADOW,
    TEMPORARY,
    WHEN_WITHIN,
    WINDOW,
)
from tocsin.organisation.schema import GROUPING, INTEGRATION, LEVEL, LISTS, ORGANISATION, PRIORITIES, USER
from tocsin.organisation.template_kinds import WORDS, TemplateText
from tocsin.organisation.vocabulary import EventName, Key, Step, Target


def reference() -> str:
    """The tables of docs/reference/organisation-file.md."""
    tables = [
        ("organisation", ORGANISATION),
        ("organisation.priorities", PRIORITIES),
        ("organisation.priorities.*", _inside(PRIORITIES, Impact.MAJOR)),
    ]
    tables += [(f"{name}[]", record) for name, record in LISTS.items()]
    tables += [
        ("calendars[].hours[]", WINDOW),
        ("calendars[].holidays[]", HOLIDAY),
        ("schedules[].layers[]", LAYER),
        ("schedules[].layers[].users[]", JOINING),
        ("schedules[].overrides[]", OVERRIDE),
        ("schedules[].overrides[], with layers", TEMPORARY),
        ("schedules[].shadows[]", SHADOW),
        ("policies[].levels[].when", WHEN_WITHIN),
        ("users[].rules", _inside(USER, "rules")),
        ("users[].quiet", HUSHED),
        ("policies[].levels[]", LEVEL),
        ("services[].grouping", GROUPING),
        ("services[].integrations[]", INTEGRATION),
        ("templates.*", WORDS),
        ("expect[]", EXPECTATION),
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
        case kinds.Whole():
            return f"{kind.least} to {kind.most}"
        case kinds.YesNo():
            return "`true` or `false`"
        case kinds.OneOf():
            return ", ".join(f"`{choice.value}`" for choice in kind.choices)
        case kinds.Span():
            never = f", or `{kinds.NEVER}`" if kind.never else ""
            return f"{format_duration(kind.least)} to {format_duration(kind.most)}{never}"
        case compounds.Listed(kind=Record()):
            return f"list of at most {kind.most}, see below"
        case compounds.Listed():
            return f"list of at most {kind.most}: {_value_in_words(kind.kind)}"
        case compounds.Named():
            return f"at most {kind.most} names with {_value_in_words(kind.kind)}"
        case compounds.Either():
            return f"`{kind.word}`, or see below"
        case kinds.Text():
            return f"{kind.words}, at most {kind.length_max} characters"
        case kinds.Slug():
            return kind.words
        case TemplateText():
            return f"a template, at most {kind.piece.length_max} characters"
        case VendorKind():
            return kind.words
        case Settings():
            return f"at most {SETTINGS_MAX} names of its vendor's with text"
        case Target():
            return '`"schedule:ID"`, `"schedule:ID/next"`, `"team:ID"`, `"user:ID"`, `"place:ID"`'
        case Moment():
            return kind.words
        case Clock():
            return '`"09:00"`' + (', `"24:00"`, `"mon 09:00"`' if kind.closes else "")
        case Days():
            return "`mon`, `mon-fri`"
        case OneShape():
            return "see below"
        case Slot():
            return "`ID`, `[ID, ID]`, `null`, or see below"
        case Step():
            return f"`contact` or `{{contact: delay}}`, at most {format_duration(kind.delay.most)}"
        case EventName():
            return "types of events"
        case Key():
            return f"{catalog.KEY_LENGTH_MIN} to {catalog.KEY_LENGTH_MAX} characters"
    return "see below"


def _inside(record: Record, name: str) -> Record:
    kind: Kind = next(each.kind for each in record.fields if each.name == name)
    assert isinstance(kind, Record)
    return kind


def _default_in_words(each: Field) -> str:
    if each.default is compounds.REQUIRED:
        return "**must be there**"
    if isinstance(each.kind, TemplateText):
        return "`default`'s, else Tocsin's own words"
    if each.default is compounds.OMITTED:
        return "—"
    if each.default is compounds.LEFT:
        return "stays as it is"
    if each.default in (None, "", [], {}):
        return "the id" if each.name == "name" else "none"
    return f"`{str(each.default).lower() if isinstance(each.default, bool) else each.default}`"
