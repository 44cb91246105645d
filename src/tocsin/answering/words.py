"""What people are told back, in words: which incident, what became of it, who has it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.utils.translation import gettext, override

from tocsin.answering.rules.reading import Missing, Unclear
from tocsin.answering.rules.standing import Standing
from tocsin.escalation.models import Climb
from tocsin.escalation.reading import fallback, policy_of
from tocsin.escalation.rostering import roster
from tocsin.escalation.rules import Climb as ClimbValue
from tocsin.escalation.rules import forecast, push
from tocsin.incident.holding import by_word
from tocsin.incident.messages import name_of
from tocsin.incident.models import Incident
from tocsin.incident.readers import viewer_of
from tocsin.incident.rules import OPEN, State
from tocsin.journal.models import Entry
from tocsin.kernel.errors import Refused
from tocsin.kernel.zones import zone
from tocsin.notification.links import reply_code
from tocsin.notification.models import Page
from tocsin.notification.rules import ActVerb
from tocsin.people.models import User
from tocsin.people.speaking import clock_words, refusal_words, sentence, told

TITLE_SHOWN_MAX = 60
LISTED_MAX = 5


def named(incident: Incident) -> str:
    """The incident as people call it: "#412 Checkout fails". Answers lie on lock screens and stand in rooms, so what is
    restricted is named by its number alone."""
    if incident.restricted:
        return name_of(incident)
    title = " ".join(incident.title.split())
    return f"#{incident.pk} {title if len(title) <= TITLE_SHOWN_MAX else title[: TITLE_SHOWN_MAX - 1] + '…'}"


def how_words() -> str:
    """What can be answered."""
    return gettext(
        "Answer with the six digits of the message: 123456 acknowledges; 123456 resolve; 123456 escalate;"
        " snooze 2h 123456; note 123456 and your words. The word status says what is on."
    )


def nothing_was_done(refused: Refused) -> str:
    """Why what was asked for cannot be done."""
    return gettext("Nothing was done: %(why)s") % {"why": refusal_words(refused)}


def clock_of(at: datetime, user: User, now: datetime) -> str:
    """An instant on the reader's wall."""
    return clock_words(at, zone(user.timezone), now)


def done_words(verb: ActVerb, incident: Incident, user: User, now: datetime, woken: str = "") -> str:
    """What was just done, in the language of who did it. `woken` is whom an escalation pages."""
    with override(user.language):
        return f"{named(incident)}: {_done(verb, incident, user, now, woken)}"


def _done(verb: ActVerb, incident: Incident, user: User, now: datetime, woken: str) -> str:
    if verb is ActVerb.ACKNOWLEDGE:
        return gettext("it is yours. Nobody else is paged.")
    if verb is ActVerb.RESOLVE:
        fires = f" {gettext('Its alerts still fire.')}" if incident.fires_on else ""
        return f"{gettext('resolved. Nothing more is sent.')}{fires}"
    if verb is ActVerb.ESCALATE:
        return gettext("escalated. Paged now: %(who)s.") % {"who": woken}
    if verb is ActVerb.SNOOZE:
        until = clock_of(incident.ack_expires_at or now, user, now)
        return gettext("it rests until %(time)s. Then it pages again from the top.") % {"time": until}
    nobody = f" {gettext('Nobody has it yet.')}" if incident.state == State.TRIGGERED else ""
    return f"{gettext('your note stands on its timeline.')}{nobody}"


def nothing_done(incident: Incident, why: str) -> str:
    """Somebody was faster, or it is so already."""
    return gettext("%(incident)s: nothing changed. %(why)s.") % {
        "incident": named(incident),
        "why": sentence(told(why)),
    }


def standing_words(meets: Standing, incident: Incident, user: User, now: datetime) -> str:
    """Why a press or a code does nothing, in the language of who pressed: what happened since."""
    with override(user.language):
        return f"{named(incident)}: {_stands(meets, incident, user, now)}"


def _stands(meets: Standing, incident: Incident, user: User, now: datetime) -> str:
    if meets is Standing.NOT_ALLOWED:
        return gettext("nothing was done. %(who)s may not act on incidents.") % {"who": user.name}
    if meets is Standing.OVER:
        return f"{over_words(incident, user, now)} {gettext('There is nothing left to do.')}"
    if meets is Standing.TAKEN:
        return f"{holder_words(incident, user, now)} {gettext('You need not do anything.')}"
    if meets is Standing.MINE:
        return gettext("you have it already.")
    if meets is Standing.DONE:
        return gettext("you did that before, and it holds.")
    if meets is Standing.USED:
        return f"{gettext('you did that before, and it has moved on.')} {_now_words(incident, user, now)}"
    return f"{gettext('that worked for a day and does no more.')} {_now_words(incident, user, now)}"


def holder_words(incident: Incident, user: User, now: datetime) -> str:
    """Who has it, and since when: "Bo Lind acknowledged it at 03:12 and has it." """
    who = by_word(incident.acknowledged_by) if incident.acknowledged_by else gettext("somebody")
    said = {"who": who, "time": clock_of(incident.acknowledged_at or now, user, now)}
    if incident.snoozed and incident.ack_expires_at is not None:
        until = clock_of(incident.ack_expires_at, user, now)
        return gettext("%(who)s put it off until %(time)s.") % {"who": who, "time": until}
    given = incident.assigned
    if given is not None and incident.acknowledged_by != f"user:{given.pk}":
        both = gettext("%(who)s acknowledged it at %(time)s; %(holder)s has it.")
        return both % (said | {"holder": given.name})
    return gettext("%(who)s acknowledged it at %(time)s and has it.") % said


def over_words(incident: Incident, user: User, now: datetime) -> str:
    """Who ended it, and when: "Cy Tran resolved it at 03:40." """
    ends = Entry.objects.filter(chain=incident.chain, kind="incident.resolved").order_by("-seq")
    last = ends.first()
    if last is None:
        closed = incident.state == State.CLOSED
        return gettext("it is closed.") if closed else gettext("it is resolved.")
    said = {"who": by_word(last.who), "time": clock_of(last.happened_at, user, now)}
    if last.data.get("why"):
        return gettext("it ended at %(time)s: %(why)s.") % (said | {"why": gettext(last.data["why"])})
    return gettext("%(who)s resolved it at %(time)s.") % said


def _now_words(incident: Incident, user: User, now: datetime) -> str:
    if incident.state not in OPEN:
        said = over_words(incident, user, now)
    elif incident.state == State.ACKNOWLEDGED:
        said = holder_words(incident, user, now)
    else:
        said = gettext("nobody has it now: answer the newest message about it.")
    return sentence(said)


def asked_words(read: Unclear, pages: Sequence[Page]) -> str:
    """What is asked back when it is not clear what is meant, with what could be answered."""
    if read.why is Missing.WORDS:
        unknown = gettext("Nothing was done: %(words)s is not understood.") % {"words": repr(read.about)}
        why = unknown if read.about else gettext("Nothing was done.")
    elif read.why is Missing.TIME:
        return gettext(
            "Nothing was done: until when? Such as: snooze 2h 123456, or: snooze until tomorrow 08:00."
        )
    else:
        why = gettext("Nothing was done: %(why)s.") % {"why": gettext(read.why.value)}
    return f"{why} {choices_words(pages) or how_words()}"


def choices_words(pages: Sequence[Page]) -> str:
    """The codes that would be understood, each with its incident; "" when nothing is open."""
    latest: dict[int, Page] = {}
    for page in pages:
        if page.incident_id is not None:
            latest.setdefault(page.incident_id, page)
    still = Incident.objects.filter(pk__in=latest, state__in=OPEN).order_by("priority", "opened_at")
    each = gettext("%(code)s for %(incident)s")
    listed = [
        each % {"code": reply_code(latest[one.pk].pk), "incident": named(one)} for one in still[:LISTED_MAX]
    ]
    if not listed:
        return ""
    return gettext("Answer %(codes)s; or with a word such as resolve beside it.") % {
        "codes": ", ".join(listed)
    }


def status_words(user: User, pages: Sequence[Page], now: datetime) -> str:
    """What is open that the person has or was paged for, the worst first."""
    latest = {page.incident_id: page for page in reversed(pages) if page.incident_id is not None}
    rows = (
        Incident.objects.filter(state__in=OPEN).select_related("assigned").order_by("priority", "opened_at")
    )
    mine = rows.filter(pk__in=latest) | rows.filter(assigned=user)
    found = list(mine[: LISTED_MAX + 1])
    if not found:
        rest = rows.visible_to(viewer_of(user)).count()
        others = gettext("Nothing of yours is open; %(count)s of others.") % {"count": rest}
        return others if rest else gettext("Nothing is open.")
    said = [_status(one, latest.get(one.pk), user, now) for one in found[:LISTED_MAX]]
    if len(found) > LISTED_MAX:
        said.append(gettext("And more."))
    return " ".join(said)


def _status(one: Incident, page: Page | None, user: User, now: datetime) -> str:
    held = gettext("nobody has it.") if one.state == State.TRIGGERED else holder_words(one, user, now)
    code = f" {gettext('Code: %(code)s.') % {'code': reply_code(page.pk)}}" if page is not None else ""
    return f"{one.priority} {named(one)}: {held}{code}"


def next_people(incident: Incident, now: datetime) -> str:
    """Whom "escalate now" wakes, in words; "" when the incident is over."""
    if incident.state not in OPEN:
        return ""
    climb = Climb.objects.filter(pk=incident.pk).first()
    policy = climb.as_policy() if climb else policy_of(incident.service_id)
    value = push(policy, climb.as_value() if climb else ClimbValue(now), now)
    ahead = forecast(policy, roster(), value, now, most=1)
    people = ahead[0].people if ahead else fallback()
    names = dict(User.objects.filter(pk__in=people).values_list("pk", "name"))
    who = ", ".join(names.get(user, user) for user in people) or gettext("nobody")
    if ahead:
        return gettext("level %(number)s: %(who)s") % {"number": ahead[0].number, "who": who}
    return gettext("the fallback contact, since the policy reaches nobody: %(who)s") % {"who": who}
