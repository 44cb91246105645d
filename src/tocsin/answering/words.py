"""What people are told back, in words: which incident, what became of it, who has it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from tocsin.answering.rules.reading import Missing, Unclear
from tocsin.answering.rules.standing import Standing
from tocsin.escalation.actions import fallback, policy_of, roster
from tocsin.escalation.models import Climb
from tocsin.escalation.rules import Climb as ClimbValue
from tocsin.escalation.rules import forecast, policy_from, push
from tocsin.incident.actions import by_word
from tocsin.incident.models import Incident
from tocsin.incident.rules import OPEN, State
from tocsin.journal.models import Entry
from tocsin.kernel.zones import wall_clock, zone
from tocsin.notification.links import reply_code
from tocsin.notification.models import Page
from tocsin.notification.rules import ActVerb
from tocsin.people.models import User

TITLE_SHOWN_MAX = 60
LISTED_MAX = 5
HOW = (
    "Answer with the six digits of the message: 123456 acknowledges; 123456 resolve; 123456 escalate;"
    " snooze 2h 123456; note 123456 and your words. The word status says what is on."
)


def named(incident: Incident) -> str:
    """The incident as people call it: "#412 Checkout fails"."""
    title = " ".join(incident.title.split())
    return f"#{incident.pk} {title if len(title) <= TITLE_SHOWN_MAX else title[: TITLE_SHOWN_MAX - 1] + '…'}"


def clock_words(at: datetime, user: User, now: datetime) -> str:
    """An instant on the reader's wall: "14:05" today, "Tue 08:00" within a week, with the day of the month else."""
    there = zone(user.timezone)
    wall, today = wall_clock(at, there), wall_clock(now, there).date()
    if wall.date() == today:
        return f"{wall:%H:%M}"
    if abs((wall.date() - today).days) < 7 and abs(at - now) < timedelta(days=7):
        return f"{wall:%a %H:%M}"
    return f"{wall:%-d %b %H:%M}"


def done_words(verb: ActVerb, incident: Incident, user: User, now: datetime, woken: str = "") -> str:
    """What was just done. `woken` is whom an escalation pages."""
    what = named(incident)
    if verb is ActVerb.ACKNOWLEDGE:
        return f"{what}: it is yours. Nobody else is paged."
    if verb is ActVerb.RESOLVE:
        fires = " Its alerts still fire." if incident.fires_on else ""
        return f"{what}: resolved. Nothing more is sent.{fires}"
    if verb is ActVerb.ESCALATE:
        return f"{what}: escalated. Paged now: {woken}."
    if verb is ActVerb.SNOOZE:
        until = clock_words(incident.ack_expires_at or now, user, now)
        return f"{what}: it rests until {until}. Then it pages again from the top."
    return f"{what}: your note stands on its timeline."


def nothing_done(incident: Incident, why: str) -> str:
    """Somebody was faster, or it is so already."""
    return f"{named(incident)}: nothing changed. {why[:1].upper()}{why[1:]}."


def standing_words(meets: Standing, incident: Incident, user: User, now: datetime) -> str:
    """Why a press or a code does nothing: what happened since."""
    told = {
        Standing.NOT_ALLOWED: f"nothing was done. {user.name} may not act on incidents.",
        Standing.OVER: f"{over_words(incident, user, now)} There is nothing left to do.",
        Standing.TAKEN: f"{holder_words(incident, user, now)} You need not do anything.",
        Standing.MINE: "you have it already.",
        Standing.DONE: "you did that before, and it holds.",
        Standing.USED: f"you did that before, and it has moved on. {_now_words(incident, user, now)}",
        Standing.EXPIRED: f"that worked for a day and does no more. {_now_words(incident, user, now)}",
    }
    return f"{named(incident)}: {told[meets]}"


def holder_words(incident: Incident, user: User, now: datetime) -> str:
    """Who has it, and since when: "Bo Lind acknowledged it at 03:12 and has it." """
    who = by_word(incident.acknowledged_by) if incident.acknowledged_by else "somebody"
    at = clock_words(incident.acknowledged_at or now, user, now)
    if incident.snoozed and incident.ack_expires_at is not None:
        return f"{who} put it off until {clock_words(incident.ack_expires_at, user, now)}."
    given = incident.assigned
    if given is not None and incident.acknowledged_by != f"user:{given.pk}":
        return f"{who} acknowledged it at {at}; {given.name} has it."
    return f"{who} acknowledged it at {at} and has it."


def over_words(incident: Incident, user: User, now: datetime) -> str:
    """Who ended it, and when: "Cy Tran resolved it at 03:40." """
    ends = Entry.objects.filter(chain=incident.chain, kind="incident.resolved").order_by("-seq")
    last = ends.first()
    if last is None:
        return f"it is {incident.state}."
    if last.data.get("why"):
        return f"it ended at {clock_words(last.happened_at, user, now)}: {last.data['why']}."
    return f"{by_word(last.who)} resolved it at {clock_words(last.happened_at, user, now)}."


def _now_words(incident: Incident, user: User, now: datetime) -> str:
    if incident.state not in OPEN:
        said = over_words(incident, user, now)
    elif incident.state == State.ACKNOWLEDGED:
        said = holder_words(incident, user, now)
    else:
        said = "nobody has it now: answer the newest message about it."
    return said[:1].upper() + said[1:]


def asked_words(read: Unclear, pages: Sequence[Page]) -> str:
    """What is asked back when it is not clear what is meant, with what could be answered."""
    if read.why is Missing.WORDS:
        why = f"Nothing was done: {read.about!r} is not understood." if read.about else "Nothing was done."
    elif read.why is Missing.TIME:
        return "Nothing was done: until when? Such as: snooze 2h 123456, or: snooze until tomorrow 08:00."
    else:
        why = f"Nothing was done: {read.why}."
    return f"{why} {choices_words(pages) or HOW}"


def choices_words(pages: Sequence[Page]) -> str:
    """The codes that would be understood, each with its incident; "" when nothing is open."""
    latest: dict[int, Page] = {}
    for page in pages:
        if page.incident_id is not None:
            latest.setdefault(page.incident_id, page)
    still = Incident.objects.filter(pk__in=latest, state__in=OPEN).order_by("priority", "opened_at")
    listed = [f"{reply_code(latest[one.pk].pk)} for {named(one)}" for one in still[:LISTED_MAX]]
    return f"Answer {', '.join(listed)}; or with a word such as resolve beside it." if listed else ""


def status_words(user: User, pages: Sequence[Page], now: datetime) -> str:
    """What is open that the person has or was paged for, the worst first."""
    latest = {page.incident_id: page for page in reversed(pages) if page.incident_id is not None}
    rows = (
        Incident.objects.filter(state__in=OPEN).select_related("assigned").order_by("priority", "opened_at")
    )
    mine = rows.filter(pk__in=latest) | rows.filter(assigned=user)
    found = list(mine[: LISTED_MAX + 1])
    if not found:
        rest = rows.count()
        return "Nothing is open." if not rest else f"Nothing of yours is open; {rest} of others."
    told = []
    for one in found[:LISTED_MAX]:
        held = "nobody has it" if one.state == State.TRIGGERED else holder_words(one, user, now).rstrip(".")
        page = latest.get(one.pk)
        code = f", code {reply_code(page.pk)}" if page is not None else ""
        told.append(f"{one.priority} {named(one)}: {held}{code}")
    return ". ".join(told) + ("." if len(found) <= LISTED_MAX else ". And more.")


def next_people(incident: Incident, now: datetime) -> str:
    """Whom "escalate now" wakes, in words; "" when the incident is over."""
    if incident.state not in OPEN:
        return ""
    climb = Climb.objects.filter(pk=incident.pk).first()
    policy = policy_from(climb.policy) if climb else policy_of(incident.service_id)
    value = push(policy, climb.as_value() if climb else ClimbValue(now), now)
    ahead = forecast(policy, roster(), value, now, most=1)
    people = ahead[0].people if ahead else fallback()
    names = dict(User.objects.filter(pk__in=people).values_list("pk", "name"))
    listed = ", ".join(names.get(user, user) for user in people) or "nobody"
    return (
        f"level {ahead[0].number}: {listed}"
        if ahead
        else f"the fallback contact, since the policy reaches nobody: {listed}"
    )
