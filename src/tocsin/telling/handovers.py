"""The change of shift: a note to who goes and who comes, and a page where people add their own words."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext, gettext_noop, ngettext

from tocsin.catalog.actions import configuration
from tocsin.escalation.reading import policies
from tocsin.escalation.rules import TargetKind
from tocsin.incident.messages import name_of
from tocsin.incident.models import Incident
from tocsin.incident.rules import OPEN
from tocsin.incident.rules import State as IncidentState
from tocsin.incident.rules.restricting import Viewer
from tocsin.journal.waking import wake
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused
from tocsin.kernel.spans import Span
from tocsin.kernel.zones import zone
from tocsin.oncall.models import IMPORTED_PLACE, Override, Schedule, Version
from tocsin.oncall.reading import Timelines, timelines
from tocsin.oncall.rules import INSTANT, timeline
from tocsin.oncall.saving import TOPIC
from tocsin.people.speaking import listed, moment_words, when_words
from tocsin.telling.models import GapTold, Handover, Standing, Word
from tocsin.telling.notices import Notice, names_of, send

BACK = timedelta(hours=6)  # how far back the change of shift is looked for that was not seen when it was
SINCE_MAX = timedelta(days=14)  # of a shift, what happened in it
OVERRIDES_AHEAD = timedelta(days=14)
INCIDENTS_SAID_MAX, OVERRIDES_SAID_MAX, WORDS_SAID_MAX = 6, 4, 5
WORD_LENGTH_MAX = 2_000
WORDS_MAX = 50  # waiting for one handover
_STATES = {
    IncidentState.TRIGGERED: gettext_noop("triggered"),
    IncidentState.ACKNOWLEDGED: gettext_noop("acknowledged"),
    IncidentState.RESOLVED: gettext_noop("resolved"),
    IncidentState.CLOSED: gettext_noop("closed"),
}


@dataclass(frozen=True)
class State:
    """How things stand for whoever has the schedule: incidents of the services that page it, and what is ahead."""

    open: Sequence[Incident]
    opened: int  # since the shift began
    ended: int  # of these
    recent: Sequence[Incident]
    overrides: Sequence[Override]


# -- noticing the change --------------------------------------------------------------------------------------------


def hand_over(now: datetime) -> int:
    """Notice who is on call now and was not before, and send the notes; returns of how many schedules."""
    known, there = Standing.objects.in_bulk(), timelines()
    _forget(known.keys() - there.keys())
    count, first = 0, list[Standing]()
    for key, lines in there.items():
        users, before = lines.on_call(now), known.get(key)
        if before is None:
            since = _began(lines, now, SINCE_MAX)
            first.append(Standing(schedule_id=key, users=list(users), since=since))
        elif set(before.users) != set(users):
            count += _hand_over(lines, before, users, now)
    if first:
        Standing.objects.bulk_create(first, ignore_conflicts=True)
    return count


def _forget(gone: Collection[str]) -> None:
    """Forget what waits to be told of schedules that there are no more: one that is made with the same id later has
    nothing to do with it."""
    if gone:
        with transaction.atomic():
            Word.objects.filter(schedule__in=gone, handover=None).delete()
            GapTold.objects.filter(schedule__in=gone).delete()
            Standing.objects.filter(pk__in=gone).delete()


def _hand_over(lines: Timelines, before: Standing, users: tuple[str, ...], now: datetime) -> int:
    row = Schedule.objects.filter(pk=before.schedule_id).first()
    if row is None:
        return 0
    at = _began(lines, now, BACK)
    with transaction.atomic():
        mine = Standing.objects.filter(pk=before.pk, since=before.since, users=before.users)
        if not mine.update(users=list(users), since=at):
            return 0
        if Version.objects.filter(schedule=row, data__isnull=True, from_at__gt=before.since).exists():
            return 0  # it was removed and made anew while nobody looked: nobody hands over to anybody
        words = list(Word.objects.filter(schedule=row, handover=None, at__lte=now))
        state = state_of(row.pk, before.since, now)
        going = [user for user in before.users if user not in users]
        coming = [user for user in users if user not in before.users]
        try:
            with transaction.atomic():
                handover = Handover.objects.create(
                    schedule=row, began_at=before.since, at=at, going=list(before.users), coming=list(users),
                    lines=_lines(state, words, zone(row.timezone)),
                )  # fmt: skip
        except IntegrityError:
            return 0  # a change taken back at the same instant: there is nothing to hand over
        Word.objects.filter(pk__in=[word.pk for word in words]).update(handover=handover)
        send(_notices(row, handover, state, words, [*going, *coming], now), now)
        wake(TOPIC)
    return 1


def _began(lines: Timelines, now: datetime, back: timedelta) -> datetime:
    """When the people of `now` came on call, as far as `back`."""
    users = lines.on_call(now)
    began = now
    for stretch in reversed(timeline(lines.schedule, now - back, now + INSTANT).stretches):
        if stretch.users != users:
            break
        began = stretch.start
    return began


def _notices(
    row: Schedule,
    handover: Handover,
    state: State,
    words: Sequence[Word],
    people: Sequence[str],
    now: datetime,
) -> Iterator[Notice]:
    for user in people:
        comes = user in handover.coming
        yield Notice(
            user=user,
            words=partial(_words, row, handover, state, words, comes),
            reason=f"change of shift on {row.pk}",
            path=f"/schedules/{row.pk}/handover",
            begins_at=now if comes and state.open else None,
        )


def _words(
    row: Schedule, handover: Handover, state: State, words: Sequence[Word], comes: bool, here: ZoneInfo
) -> tuple[str, list[str]]:
    who = gettext("On call since %(time)s: %(came)s. Before: %(went)s. Times of %(zone)s.") % {
        "time": moment_words(handover.at, here),
        "came": listed(names_of(handover.coming)),
        "went": listed(names_of(handover.going)),
        "zone": here.key,
    }
    subject = gettext("You have it now") if comes else gettext("You have handed over")
    return f"{subject}: {row}", [who, *_lines(state, words, here)]


def _lines(state: State, words: Sequence[Word], here: ZoneInfo) -> list[str]:
    lines = [f"{names_of([word.by.partition(':')[2]])[0]}: “{word.text}”" for word in words[-WORDS_SAID_MAX:]]
    if not state.open:
        lines.append(gettext("No incident is open."))
    for incident in state.open[:INCIDENTS_SAID_MAX]:
        how = gettext(_STATES[IncidentState(incident.state)])
        called = name_of(incident) if incident.restricted else f"#{incident.pk}"
        title = "" if incident.restricted else f" {incident.title}"
        about = f"{called} [{incident.priority}]{title} ({how})"
        lines.append(gettext("Open: %(incident)s") % {"incident": about})
    if (more := len(state.open) - INCIDENTS_SAID_MAX) > 0:
        lines.append(gettext("And %(count)s more that are open.") % {"count": more})
    lines.append(happened_said(state))
    for override in state.overrides[:OVERRIDES_SAID_MAX]:
        when = when_words(Span(override.starts_at, override.ends_at), here)
        lines.append(gettext("Ahead: %(what)s, %(when)s.") % {"what": override_said(override), "when": when})
    return lines


def happened_said(state: State) -> str:
    """What there was in the shift that ended, as a sentence."""
    if not state.opened:
        return gettext("No incident opened in the shift that ended.")
    said = ngettext(
        "In the shift that ended, %(opened)s incident opened; %(ended)s of them ended.",
        "In the shift that ended, %(opened)s incidents opened; %(ended)s of them ended.",
        state.opened,
    )
    return said % {"opened": state.opened, "ended": state.ended}


def override_said(override: Override) -> str:
    """Like "Mo Haddad instead of Bo Lind"."""
    if override.layers is not None:
        return (gettext("a temporary schedule %(name)s") % {"name": override.name}).strip()
    who = {"who": listed(names_of(override.users))}
    if override.mode == "add":
        return gettext("%(who)s beside others") % who
    if override.mode == "remove":
        return gettext("without %(who)s") % who
    before = listed(names_of(override.replaces), gettext("whoever it is"))
    return gettext("%(who)s instead of %(before)s") % (who | {"before": before})


# -- how things stand -----------------------------------------------------------------------------------------------


def services_of(schedule_id: str) -> list[str]:
    """The services whose policy pages the schedule on some level."""
    naming = {
        key
        for key, policy in policies().items()
        for level in policy.levels
        for target in level.notify
        if target.kind is TargetKind.SCHEDULE and target.id == schedule_id
    }
    return sorted(key for key, service in configuration().services.items() if service.policy in naming)


def state_of(schedule_id: str, since: datetime, now: datetime, viewer: Viewer | None = None) -> State:
    """How things stand at `now` for whoever has the schedule, and what happened `since`, as far as `viewer` may read
    it. None is a note that many read: it counts nothing that is restricted, and has its number where it is open."""
    since = max(since, now - SINCE_MAX)
    mine = Incident.objects.filter(service__in=services_of(schedule_id)).select_related("service", "assigned")
    readable = mine.visible_to(viewer or Viewer(None))
    recent = readable.filter(opened_at__gte=since, opened_at__lte=now)
    still = (mine if viewer is None else readable).filter(state__in=OPEN)
    ahead = Override.objects.standing().filter(
        ~Q(place=IMPORTED_PLACE), schedule=schedule_id, ends_at__gt=now, starts_at__lt=now + OVERRIDES_AHEAD
    )
    return State(
        open=list(still.order_by("priority", "opened_at")[:50]),
        opened=recent.count(),
        ended=recent.exclude(state__in=OPEN).count(),
        recent=list(recent.order_by("-opened_at")[:50]),
        overrides=sorted(ahead, key=lambda each: each.starts_at)[:20],
    )


def began_of(schedule_id: str, now: datetime) -> datetime:
    """When the shift of `now` began, as far as it is known."""
    row = Standing.objects.filter(pk=schedule_id).first()
    return row.since if row else now - timedelta(days=1)


# -- people's own words ---------------------------------------------------------------------------------------------


def add_word(schedule_id: str, text: str, by: By, now: datetime) -> Word:
    """Keep what somebody writes for whoever has the schedule next. Raises Refused."""
    text = text.strip()
    if not text or len(text) > WORD_LENGTH_MAX:
        raise Refused(
            "There is nothing to hand over" if not text else "That is too long",
            f"some words, at most {WORD_LENGTH_MAX} characters",
            where="text",
        )
    waiting: Mapping[str, object] = {"schedule": schedule_id, "handover": None}
    if Word.objects.filter(**waiting).count() >= WORDS_MAX:
        raise Refused(
            f"{WORDS_MAX} notes wait for the next handover already", "fewer", where="text", status=409
        )
    return Word.objects.create(schedule_id=schedule_id, by=by.who, at=now, text=text)
