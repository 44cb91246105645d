"""The policy editor: levels are added, moved and removed by submit buttons, and nothing typed is lost on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from django import forms
from django.http import QueryDict

from tocsin.catalog.models import Calendar
from tocsin.escalation.models import Policy as PolicyRow
from tocsin.escalation.rules import (
    LEVELS_MAX,
    REPEATS_MAX,
    TARGETS_MAX,
    Clocks,
    Level,
    Policy,
    Target,
    When,
    parse_target,
    when_from,
)
from tocsin.kernel.durations import format_duration, parse_duration
from tocsin.kernel.errors import Refused
from tocsin.notification.places import places
from tocsin.oncall.models import Schedule
from tocsin.people.models import Team, User
from tocsin.web.forms import IdField, id_of, words

FIRST_TIMEOUT = "5m"
CLOCKS = [
    (Clocks.CALENDAR.value, "the calendar's"),
    (Clocks.SCHEDULE.value, "the schedule's, for schedules"),
    (Clocks.PERSON.value, "each person's"),
]


@dataclass
class LevelDraft:
    """One level as it stands on the page: texts as typed, and what is wrong with them."""

    notify: list[str] = field(default_factory=list)
    timeout: str = FIRST_TIMEOUT
    hours: str = ""  # "", "calendar:office" or "outside:office"
    clocks: str = Clocks.CALENDAR.value
    errors: list[str] = field(default_factory=list)


class PolicyForm(forms.Form):
    """Name, id, team, how often again; the levels are read beside it."""

    name = forms.CharField(max_length=120)
    id = IdField()
    team = forms.ChoiceField(
        required=False, help_text="Who looks after this policy; it pages nobody by itself."
    )
    repeat = forms.IntegerField(
        min_value=0,
        max_value=REPEATS_MAX,
        initial=1,
        label="Again from the top",
        help_text="How many extra rounds after the last level, before the fallback person is told.",
    )

    def __init__(self, data: QueryDict | None = None, *, existing: PolicyRow | None = None) -> None:
        initial = None
        if existing:
            initial = {"name": existing.name, "team": existing.team_id, "repeat": existing.repeat}
        super().__init__(data, initial=initial)
        team = self.fields["team"]
        assert isinstance(team, forms.ChoiceField)
        team.choices = [("", "no team"), *Team.objects.values_list("pk", "name")]
        if existing:
            del self.fields["id"]
            self.levels = [
                LevelDraft(
                    [str(t) for t in level.notify], format_duration(level.timeout), *_condition(level.when)
                )
                for level in existing.as_value().levels
            ]
        else:
            self.levels = [LevelDraft()]
        if data is not None:
            self.levels = _levels(data)
            self.do = data.get("do", "save")
        else:
            self.do = ""

    def change(self) -> bool:
        """Carry out the button that was pressed; False when it was "save"."""
        verb, _, rest = self.do.partition(":")
        place, _, target = rest.partition(":")
        at = int(place) if place.isdecimal() and len(place) <= len(str(LEVELS_MAX)) else -1
        if verb == "level" and len(self.levels) < LEVELS_MAX:
            self.levels.append(LevelDraft())
        elif not 0 <= at < len(self.levels):
            return verb not in ("save", "")
        elif verb == "remove":
            del self.levels[at]
        elif verb == "up" and at > 0:
            self.levels[at - 1 : at + 1] = [self.levels[at], self.levels[at - 1]]
        elif verb == "down" and at < len(self.levels) - 1:
            self.levels[at : at + 2] = [self.levels[at + 1], self.levels[at]]
        elif verb == "without":
            self.levels[at].notify = [each for each in self.levels[at].notify if each != target]
        return True

    def value(self, policy_id: str = "") -> Policy | None:
        """The policy that stands on the page, or None when something has to be mended (it is said beside it)."""
        levels = tuple(level for each in self.levels if (level := _level(each)))
        if any(each.errors for each in self.levels):
            self.add_error(None, "One of the levels has to be mended.")
        if self.errors:
            return None
        data = self.cleaned_data
        return Policy(policy_id or id_of(self), data["name"], levels, data["repeat"])

    def draft(self) -> Policy:
        """What of the page makes sense already, for drawing it while it is edited."""
        levels = []
        for each in self.levels:
            copy = LevelDraft(each.notify, each.timeout, each.hours, each.clocks)
            if level := _level(copy):
                levels.append(level)
        repeat = self["repeat"].value()
        again = int(repeat) if str(repeat).isdecimal() and int(repeat) <= REPEATS_MAX else 0
        return Policy("draft", "draft", tuple(levels), again)


def choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """Whom a level can name: whoever is on call, people, teams and places."""
    schedules = [(row.pk, str(row)) for row in Schedule.objects.live()]
    people = User.objects.people().filter(is_active=True).values_list("pk", "name")
    teams = Team.objects.values_list("pk", "name")
    rooms = [(f"place:{key}", place.name) for key, place in places().items()]
    return [
        ("Whoever is on call for", [(f"schedule:{key}", name) for key, name in schedules]),
        ("Whoever comes next on", [(f"schedule:{key}/next", f"{name}, next") for key, name in schedules]),
        (
            "Whoever came before on",
            [(f"schedule:{key}/previous", f"{name}, before") for key, name in schedules],
        ),
        ("People", [(f"user:{key}", name) for key, name in people]),
        ("Teams", [(f"team:{key}", name) for key, name in teams]),
        *([("Places, told beside", rooms)] if rooms else []),
    ]


def hours() -> list[tuple[str, str]]:
    """The conditions that a level can have; none while there is no working calendar."""
    calendars = list(Calendar.objects.values_list("pk", "name"))
    return [(f"calendar:{key}", f"only within {name}") for key, name in calendars] + [
        (f"outside:{key}", f"only outside {name}") for key, name in calendars
    ]


def _condition(when: When | None) -> tuple[str, str]:
    """The condition as the page's two fields."""
    if when is None:
        return "", Clocks.CALENDAR.value
    return f"{'outside' if when.outside else 'calendar'}:{when.calendar}", when.clocks.value


def _when(draft: LevelDraft) -> When | None:
    """The condition that the page's two fields say. Raises Refused."""
    side, _, calendar = draft.hours.partition(":")
    return when_from({side: calendar, "zone": draft.clocks}) if draft.hours else None


def _levels(data: QueryDict) -> list[LevelDraft]:
    """The levels as they were typed; somebody chosen but not yet added counts as added."""
    count = data.get("levels", "0")
    levels = []
    for n in range(min(int(count), LEVELS_MAX) if count.isdecimal() and len(count) < 4 else 0):
        chosen = [*data.getlist(f"level-{n}-notify"), data.get(f"level-{n}-new", "")]
        notify = list(dict.fromkeys(each for each in chosen if each))[:TARGETS_MAX]
        timeout = data.get(f"level-{n}-timeout", "").strip()
        clocks = data.get(f"level-{n}-clocks", Clocks.CALENDAR.value)
        levels.append(LevelDraft(notify, timeout, data.get(f"level-{n}-hours", ""), clocks))
    return levels


def _level(draft: LevelDraft) -> Level | None:
    targets: Sequence[Target] = ()
    try:
        targets = [parse_target(each) for each in draft.notify]
    except Refused as refused:
        draft.errors.append(words(refused))
    if not draft.notify:
        draft.errors.append(
            "Nobody is on this level. Choose a schedule, a team or a person, or remove the level."
        )
    try:
        timeout, when = parse_duration(draft.timeout), _when(draft)
        return Level(tuple(targets), timeout, when) if not draft.errors else None
    except Refused as refused:
        draft.errors.append(words(refused))
    return None
