"""What may stand in the sections `calendars` and `schedules` of an organisation file, and under `when`."""

from __future__ import annotations

from tocsin.escalation.rules import Clocks
from tocsin.kernel.calendars import HOLIDAYS_MAX, NAME_LENGTH_MAX
from tocsin.kernel.hours import WINDOWS_MAX
from tocsin.kernel.moments import parse_instant, parse_wall
from tocsin.kernel.zones import zone
from tocsin.oncall.rules import OVERRIDES_MAX, Mode, Unit
from tocsin.oncall.rules.values import (
    EVERY_MAX,
    LAYERS_MAX,
    RESTRICTIONS_MAX,
    SEATS_MAX,
    SHADOWS_MAX,
    SLOTS_MAX,
)
from tocsin.organisation.compounds import LEFT, OMITTED, Field, Listed, Record
from tocsin.organisation.kinds import Kind, OneOf, Slug, Text, Whole
from tocsin.organisation.schedule_kinds import Clock, Days, Moment, OneShape, Seat, Slot

SLUGS = "Lower-case letters, digits and dashes; it stays the same for ever."
UTC = zone("UTC")
WALL = Moment(parse_wall)
DAY = Moment(parse_wall, "a day such as 2026-12-25")
AT = Moment(lambda text: parse_instant(text, UTC), "a time such as 2026-01-05T09:00, or with an offset")
PERSON = Slug("the id of a person")
LOCAL = "Local to the schedule's zone, or with an offset."


def check_line(text: str) -> str:
    """Return a name; how long it may be is said where it is used."""
    return text.strip()


NAME = Text(check_line, NAME_LENGTH_MAX, least=0)
ZONE = Text(lambda text: zone(text).key, 64, "a time zone")

WINDOW = Record(
    "a window",
    (
        Field("days", Listed(Days(), 7, least=1), "On which it begins. Left out: every day.", OMITTED),
        Field("from", Clock(), "When it begins."),
        Field(
            "to",
            Clock(closes=True),
            'When it ends: on the next day when that is not after `from`, or on a weekday ("mon 09:00").',
        ),
    ),
)
HOLIDAY = Record(
    "a holiday",
    (
        Field("day", DAY, "The day on which it is closed, such as 2026-12-25."),
        Field("name", NAME, "As it is shown.", ""),
    ),
)
CALENDAR = Record(
    "a calendar",
    (
        Field("id", Slug(), SLUGS),
        Field("name", NAME, "As it is shown.", ""),
        Field("timezone", ZONE, "IANA name, in which its hours are meant."),
        Field("hours", Listed(WINDOW, WINDOWS_MAX, once=False), "When work is done.", []),
        Field("holidays", Listed(HOLIDAY, HOLIDAYS_MAX, once=False), "Days on which it is not.", []),
    ),
)

JOINING = Record(
    "somebody who joins or leaves",
    (
        Field("user", PERSON, "Who."),
        Field("from", WALL, "From then on. Left out: ever since.", OMITTED, nullable=True),
        Field("until", WALL, "Until then. Left out: for good.", OMITTED, nullable=True),
    ),
)
SEAT = Seat(JOINING)
SLOT: Kind = Slot(SEAT, Listed(SEAT, SEATS_MAX, once=False))
WITHIN = Record("a restriction", (Field("calendar", Slug("the id of a calendar"), "Its open hours."),))
OUTSIDE = Record("a restriction", (Field("outside", Slug("the id of a calendar"), "All other hours."),))
RESTRICTION = OneShape({"calendar": WITHIN, "outside": OUTSIDE}, WINDOW)
HUSHED = Record(
    "quiet hours",
    (
        Field(
            "hours",
            Listed(WINDOW, WINDOWS_MAX, once=False),
            "Windows as of a calendar, by the person's clock.",
        ),
    ),
)
QUIET = OneShape({"calendar": WITHIN, "outside": OUTSIDE}, HUSHED)
LAYER = Record(
    "a layer",
    (
        Field("name", NAME, "As it is shown.", OMITTED),
        Field("rotation", OneOf(Unit), "How long a turn is; `fixed`: everybody at once, for good."),
        Field(
            "every", Whole(1, EVERY_MAX), "So many hours, days, weeks or months a turn. Left out: 1.", OMITTED
        ),
        Field("start", WALL, "When the first turn begins and hands change, by the clocks of the zone."),
        Field("end", WALL, "When the layer ends. Left out: never.", OMITTED, nullable=True),
        Field("timezone", ZONE, "Of this layer. Left out: the schedule's.", OMITTED, nullable=True),
        Field(
            "users",
            Listed(SLOT, SLOTS_MAX, least=1, once=False),
            "Whose turn it is, in their order: an id, a list of ids for several at once, null for nobody on "
            "purpose, or `{user:, from:, until:}`.",
        ),
        Field(
            "restrict",
            Listed(RESTRICTION, RESTRICTIONS_MAX, once=False),
            "On call only at these hours: windows, `{calendar: ID}` or `{outside: ID}`. Turns go on all the same.",
            OMITTED,
        ),
    ),
)
SPAN = (Field("start", AT, LOCAL), Field("end", AT, LOCAL))
OVERRIDE = Record(
    "an override",
    (
        *SPAN,
        Field("users", Listed(PERSON, SEATS_MAX), "Who.", OMITTED),
        Field(
            "replaces",
            Listed(PERSON, SEATS_MAX),
            "Instead of these, where one of them is on call. Left out: instead of whoever is, also of nobody.",
            OMITTED,
        ),
        Field("mode", OneOf(Mode), "`add`: beside whoever is on call. `remove`: takes `users` off.", OMITTED),
    ),
)
TEMPORARY = Record(
    "a temporary schedule",
    (
        *SPAN,
        Field("name", NAME, "As it is shown.", OMITTED),
        Field(
            "layers",
            Listed(LAYER, LAYERS_MAX, once=False),
            "Only these count in that span, as above; overrides before it do not.",
        ),
    ),
)
SHADOW = Record(
    "a shadow",
    (
        Field("trainee", PERSON, "Who is sent copies, and is never on call by that."),
        Field("of", PERSON, "Of whose pages. Left out: of whoever is on call.", OMITTED),
        *SPAN,
    ),
)
SCHEDULE = Record(
    "a schedule",
    (
        Field("id", Slug(), SLUGS),
        Field("name", NAME, "As it is shown. Left out: the id is.", ""),
        Field("timezone", ZONE, "IANA name, in which its times are meant."),
        Field(
            "team",
            Slug("the id of a team"),
            "Who looks after it: its lead may edit it.",
            None,
            nullable=True,
        ),
        Field(
            "layers",
            Listed(LAYER, LAYERS_MAX, once=False),
            "Later ones win over earlier ones where they have somebody.",
            [],
        ),
        Field(
            "overrides",
            Listed(OneShape({"layers": TEMPORARY}, OVERRIDE), OVERRIDES_MAX, once=False),
            "Win over the layers, and each over those before it. Left out: those there are.",
            LEFT,
        ),
        Field(
            "shadows", Listed(SHADOW, SHADOWS_MAX, once=False), "Trainees. Left out: those there are.", LEFT
        ),
    ),
)

WHEN_ZONE = Field(
    "zone", OneOf(Clocks), "By whose clock: the calendar's, each schedule's, each person's.", OMITTED
)
WHEN_WITHIN = Record("a condition", (*WITHIN.fields, WHEN_ZONE))
WHEN_OUTSIDE = Record("a condition", (*OUTSIDE.fields, WHEN_ZONE))
WHEN = OneShape({"outside": WHEN_OUTSIDE}, WHEN_WITHIN)
