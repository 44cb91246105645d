"""Save schedules, one of them or thousands at once.

`Schedules` collects changes: `save` decides about one schedule, against what those before it have changed, and raises
Refused for what cannot be; `store` writes all of them in few statements, and into the journal. Both belong inside one
transaction of the caller's.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from tocsin.catalog.calendars import read_calendars
from tocsin.journal.actions import Fact
from tocsin.journal.changes import did, record, saved
from tocsin.journal.waking import wake
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused, conflict
from tocsin.kernel.ids import in_parts
from tocsin.kernel.moments import whole_seconds
from tocsin.kernel.zones import zone
from tocsin.oncall import rules
from tocsin.oncall.models import (
    IMPORTED_PLACE,
    Change,
    CoverRequest,
    Import,
    Override,
    Schedule,
    Version,
)
from tocsin.oncall.reading import as_value
from tocsin.people.models import Team, User

SCHEDULES_MAX = 1_000
TOLD_MAX = 20  # overrides that one entry of the journal tells one by one
TOPIC = "schedules"
FOLLOWING = ("starts_at", "ends_at", "returns_start", "returns_end", "declined_by", "changed_at", "moved_at")
OverrideValue = rules.Override | rules.Temporary


class Schedules:
    """Changes to the schedules `ids`."""

    def __init__(self, ids: Iterable[str], by: By, now: datetime) -> None:
        wanted = list(ids)
        self._by, self._now = by, now
        self._people = set(User.objects.people().values_list("pk", flat=True))
        self._teams = set(Team.objects.values_list("pk", flat=True))
        self._calendars = read_calendars()
        self._rows = Schedule.objects.select_for_update().order_by("pk").in_bulk(wanted)
        self._standing: dict[str, list[Override]] = {key: [] for key in wanted}
        for some in in_parts(wanted):
            for row in Override.objects.standing().filter(schedule__in=some):
                self._standing[row.schedule_id].append(row)
        self._following = set(
            Import.objects.filter(schedule__isnull=False).values_list("schedule", flat=True)
        )
        self._count = Schedule.objects.live().count()
        self._changed: dict[str, Schedule] = {}
        self._concerns: set[str] = set()  # those whose shifts may be others now
        self._versions: list[Version] = []
        self._ended: list[Override] = []
        self._made: list[Override] = []
        self._asked: list[CoverRequest] = []
        self._facts: list[Fact] = []

    def save(self, value: rules.Schedule, team: str | None, *, overrides: bool) -> Schedule:
        """Make the schedule or change it. With `overrides` those of `value` become all it has; without, those it has
        stay, and go along with the shifts they cover."""
        value = self._checked(replace(value, calendars=self._calendars))
        if team and team not in self._teams:
            raise Refused(f"No team '{team}'", "the id of a team", where="team")
        row = self._rows.get(value.id)
        if row is None or row.removed_at is not None:
            if self._count >= SCHEDULES_MAX:
                raise conflict(f"There are {SCHEDULES_MAX} schedules", "Remove those nobody uses.")
            self._count += 1
        before = self._as_it_was(row)
        row = row or self._rows.setdefault(value.id, Schedule(id=value.id))
        self._save_definition(row, before, value, team or None)
        if overrides:
            self._replace_overrides(row, value.overrides)
        elif before is not None:
            value = self._follow(row, before, value)
        if before is not None:
            self._follow_requests(row, before, value)
        return row

    def _checked(self, value: rules.Schedule) -> rules.Schedule:
        """`value` as it is stored, when it makes sense and everybody it names exists."""
        bare = rules.schedule_from(rules.schedule_as_data(replace(value, overrides=())))
        known = {"user": self._people, "calendar": self._calendars}
        for path, kind, key in rules.references(value):
            if key not in known[kind]:
                noun = "person" if kind == "user" else kind
                raise Refused(f"No {noun} '{key}'", f"the id of a {noun}", where=path)
        return replace(bare, overrides=value.overrides, calendars=self._calendars)

    def _as_it_was(self, row: Schedule | None) -> rules.Schedule | None:
        if row is None or row.removed_at is not None:
            return None
        return as_value(row, [each.as_value() for each in self._standing[row.pk]], self._calendars)

    def _save_definition(
        self, row: Schedule, before: rules.Schedule | None, value: rules.Schedule, team: str | None
    ) -> None:
        old, data = _bare_data(before) if before else None, _bare_data(value)
        old_team = row.team_id if before else None
        if (old, old_team) == (data, team):
            return
        if old != data:
            self._versions.append(Version(schedule=row, from_at=self._now, data={"id": row.pk, **data}))
            self._concerns.add(row.pk)
        row.name, row.timezone, row.team_id, row.removed_at = value.name, value.timezone, team, None
        row.definition = {name: data[name] for name in ("layers", "shadows")}
        self._touch(row)
        known = {**old, "team": old_team} if old else None
        self._facts += saved("schedule", row.pk, known, {**data, "team": team})

    def _follow(self, row: Schedule, before: rules.Schedule, value: rules.Schedule) -> rules.Schedule:
        """Overrides go along with the shifts they cover whole; returns `value` with them."""
        after, followed = rules.follow(before, replace(value, overrides=before.overrides), self._now)
        for each in followed:
            old = self._standing[row.pk][each.number - 1]
            self._exchange(row, old, _row_of(row, each.after, old.place, self._by, self._now, old.request_id))
        return after

    def _follow_requests(self, row: Schedule, before: rules.Schedule, after: rules.Schedule) -> None:
        """Open requests go along with the shifts they are about."""
        if row.pk not in self._changed:
            return
        asked = CoverRequest.objects.filter(schedule=row, state=rules.State.OPEN, ends_at__gt=self._now)
        rows = {str(each.pk): each for each in asked}
        values = [each.as_value() for each in rows.values()]
        for each in rules.follow_requests(before, after, values, self._now):
            moved, value = rows[each.before.id], each.after
            moved.starts_at, moved.ends_at = value.span
            moved.returns_start, moved.returns_end = value.returns or (None, None)
            moved.declined_by, moved.changed_at, moved.moved_at = [], self._now, self._now
            self._asked.append(moved)
            said = {"request": moved.pk, "schedule": row.pk, "user": moved.user_id, "to": list(value.span)}
            self._facts.append(did("cover.followed", **said))

    def _replace_overrides(self, row: Schedule, wanted: Sequence[OverrideValue]) -> None:
        """Make `wanted` all the overrides there are; those that are there already stay the rows they are."""
        if len(wanted) > rules.OVERRIDES_MAX:
            raise Refused(f"{len(wanted)} overrides", f"at most {rules.OVERRIDES_MAX}", where="overrides")
        rules.check_sizes((), wanted)
        there = self._standing[row.pk]
        if row.pk in self._following:  # what a calendar brings is no part of the file
            there = [each for each in there if each.place != IMPORTED_PLACE]
        kept = 0
        while kept < min(len(there), len(wanted)) and _meaning(there[kept].as_value()) == _meaning(
            wanted[kept]
        ):
            kept += 1
        # From the first that differs on all are made anew, so that their order is that of the list.
        ended, place = there[kept:], there[-1].place + 1 if there else 1
        for old in ended:
            self._end(row, old)
        made = [
            _row_of(row, each, place + number, self._by, self._now)
            for number, each in enumerate(wanted[kept:])
        ]
        for new in made:
            self._make(row, new)
        if ended or made:
            some = {
                "ended": [old.pk for old in ended[:TOLD_MAX]],
                "added": [_traced(new) for new in made[:TOLD_MAX]],
            }
            counts = {"ended_count": len(ended), "added_count": len(made)}
            self._facts.append(did("overrides.replaced", schedule=row.pk, **counts, **some))

    def add(self, schedule_id: str, value: OverrideValue, request: int | None = None) -> Override:
        """Put an override over all there are. Raises Refused when the schedule has too many."""
        row, there = self._rows[schedule_id], self._standing[schedule_id]
        if len(there) + len(self._made) >= rules.OVERRIDES_MAX:
            raise conflict(
                f"Schedule {schedule_id} has {rules.OVERRIDES_MAX} overrides",
                "Take away those that are over.",
            )
        data = rules.override_as_data(value, zone(row.timezone))
        value = rules.override_from({k: v for k, v in data.items() if k != "id"}, zone(row.timezone))
        self._checked(rules.Schedule(row.pk, row.timezone, (), (value,)))
        self._check_sizes(row, value)
        place = (there[-1].place if there else 0) + len(self._made) + 1
        made = _row_of(row, value, place, self._by, self._now, request)
        self._make(row, made)
        self._facts.append(did("override.added", schedule=row.pk, **_traced(made)))
        return made

    def _check_sizes(self, row: Schedule, value: OverrideValue) -> None:
        """Raises Refused when the schedule would say too much with `value` besides what there is."""
        there = [*self._standing[row.pk], *(made for made in self._made if made.schedule_id == row.pk)]
        beside = [
            each.as_value()
            for each in there
            if each.layers is not None or (each.starts_at < value.end and each.ends_at > value.start)
        ]
        try:
            rules.check_sizes(rules.schedule_from(row.as_data()).layers, [*beside, value])
        except Refused as refused:  # its place among them says nothing to whoever makes one
            raise replace(refused, where="", status=409) from None

    def end(self, override: Override) -> None:
        """Take back an override that stands."""
        row = self._rows[override.schedule_id]
        self._end(row, override)
        self._facts.append(did("override.ended", schedule=row.pk, override=override.pk, **_traced(override)))

    def import_shifts(self, schedule_id: str, wanted: Sequence[rules.Override]) -> None:
        """Make `wanted`, sorted and apart from each other, all that stands from an imported calendar; under what people
        make. What is over, or goes on as it is, stays."""
        row, now = self._rows[schedule_id], self._now
        missing = {(each.start, each.end, each.users): each for each in wanted}
        ended = []
        for old in [each for each in self._standing[schedule_id] if each.place == IMPORTED_PLACE]:
            users = tuple(old.users)
            same = missing.pop((old.starts_at, old.ends_at, users), None)
            if same is None and old.starts_at <= now < old.ends_at:
                # It runs: when it began is history, only its end and its people can change.
                running = [key for key in missing if key[0] <= now and key[1:] == (old.ends_at, users)]
                same = missing.pop(running[0]) if running else None
            if same is None and old.ends_at > now:
                ended.append(old)
                self._end(row, old)
        made = [_row_of(row, each, IMPORTED_PLACE, self._by, now) for each in missing.values()]
        for new in made:
            self._make(row, new)
        if len(self._standing[schedule_id]) + len(made) > rules.OVERRIDES_MAX:
            raise conflict(
                f"The calendar makes more than {rules.OVERRIDES_MAX} overrides", "Make it shorter."
            )
        if ended or made:
            counts = {"ended_count": len(ended), "added_count": len(made)}
            self._facts.append(did("calendar.imported", schedule=row.pk, **counts))

    def remove(self, schedule_id: str) -> None:
        """Forget the schedule; its past stays. One that is made with its id later begins anew."""
        row = self._rows[schedule_id]
        Import.objects.filter(schedule=row).delete()
        for old in list(self._standing[schedule_id]):
            self._end(row, old)
        row.removed_at = self._now
        self._concerns.add(schedule_id)
        self._versions.append(Version(schedule=row, from_at=self._now, data=None))
        self._touch(row)
        self._facts.append(did("schedule.deleted", schedule=schedule_id))

    def _exchange(self, row: Schedule, old: Override, new: Override) -> None:
        self._end(row, old)
        self._make(row, new)
        span = [new.starts_at, new.ends_at]
        self._facts.append(did("override.followed", schedule=row.pk, override=old.pk, to=span))

    def _end(self, row: Schedule, old: Override) -> None:
        there = self._standing[row.pk]
        self._standing[row.pk] = [each for each in there if each.pk != old.pk]
        old.ended_at, old.ended_by = self._now, self._by.who
        self._ended.append(old)
        self._concerns.add(row.pk)
        self._touch(row)

    def _make(self, row: Schedule, new: Override) -> None:
        self._made.append(new)
        self._concerns.add(row.pk)
        self._touch(row)

    def _touch(self, row: Schedule) -> None:
        row.stamp = secrets.token_hex(16)
        self._changed[row.pk] = row

    def store(self) -> None:
        """Write, and let those who are concerned be told."""
        if not self._changed:
            return
        Schedule.objects.bulk_create(
            self._changed.values(),
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=["name", "timezone", "team", "definition", "stamp", "removed_at"],
        )
        Version.objects.bulk_create(self._versions)
        Override.objects.bulk_update(self._ended, ["ended_at", "ended_by"], batch_size=200)
        Override.objects.bulk_create(self._made)
        CoverRequest.objects.bulk_update(self._asked, FOLLOWING, batch_size=200)
        note_changes(self._concerns, self._by, self._now)
        record(self._facts, self._by, self._now)


def note_changes(schedule_ids: Collection[str], by: By, now: datetime) -> None:
    """Note that shifts of these schedules may have changed, so that who is concerned is told."""
    Change.objects.bulk_create(Change(schedule_id=key, at=now, by=by.who) for key in schedule_ids)
    wake("duties", TOPIC)


def _bare_data(value: rules.Schedule) -> dict[str, Any]:
    """The schedule without id and overrides, every key present."""
    data = rules.schedule_as_data(replace(value, overrides=()))
    return {
        "name": value.name,
        "timezone": value.timezone,
        "layers": data["layers"],
        "shadows": data.get("shadows", []),
    }


def _row_of(
    row: Schedule, value: OverrideValue, place: int, by: By, now: datetime, request: int | None = None
) -> Override:
    """A new row that holds `value`."""
    made = Override(
        schedule=row,
        place=place,
        starts_at=whole_seconds(value.start),
        ends_at=whole_seconds(value.end),
        request_id=request,
        made_by=by.who,
        made_at=now,
    )
    if isinstance(value, rules.Temporary):
        made.layers, made.name = [rules.layer_as_data(layer) for layer in value.layers], value.name
    else:
        made.users, made.replaces, made.mode = list(value.users), list(value.replaces), value.mode.value
    return made


def _meaning(value: OverrideValue) -> OverrideValue:
    """It without its id, to compare."""
    return replace(value, id="", start=whole_seconds(value.start), end=whole_seconds(value.end))


def _traced(row: Override) -> dict[str, Any]:
    """The override for the journal."""
    said: dict[str, Any] = {"from": row.starts_at, "until": row.ends_at, "users": row.users, "mode": row.mode}
    if row.replaces:
        said["replaces"] = row.replaces
    return said | ({"layers": len(row.layers), "name": row.name} if row.layers is not None else {})
