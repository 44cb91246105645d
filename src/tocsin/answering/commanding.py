"""Commands typed in a chat: who is on call, act on an incident by its number, open one, page somebody."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from django.utils.translation import gettext

from tocsin.answering.once import first_time
from tocsin.answering.people import answerable, people_at
from tocsin.answering.pressing import act, heard_before, incident_of
from tocsin.answering.reports import service_for
from tocsin.answering.who import who_words
from tocsin.answering.words import named, status_words
from tocsin.catalog.actions import configuration
from tocsin.escalation.by_hand import name_of, page_by_policy, page_somebody
from tocsin.escalation.reading import policies
from tocsin.escalation.rules import Target, TargetKind
from tocsin.incident.readers import sight_of, viewer_of
from tocsin.incident.rules.restricting import Sight
from tocsin.kernel.acting import by_user
from tocsin.kernel.text import cut
from tocsin.notification.channels import channel_word
from tocsin.notification.hearing import Commanded, Told, Tone
from tocsin.notification.rules import ActVerb
from tocsin.oncall.actions import schedules
from tocsin.people.models import Team, User
from tocsin.people.rules import May

WORDS_MAX = 4_000
_ACTS: Mapping[str, ActVerb] = {
    "ack": ActVerb.ACKNOWLEDGE,
    "acknowledge": ActVerb.ACKNOWLEDGE,
    "resolve": ActVerb.RESOLVE,
    "escalate": ActVerb.ESCALATE,
    "snooze": ActVerb.SNOOZE,
    "note": ActVerb.NOTE,
}


def _commands() -> str:
    """What can be typed. The words of commands are the same in every language."""
    return gettext(
        "who NAME: who is on call for a service, schedule, team or policy, and until when. "
        "status: what is on. ack 412, resolve 412, escalate 412, snooze 412 2h, note 412 TEXT: act on #412. "
        "open TEXT or open SERVICE TEXT: open an incident. "
        "page NAME TEXT: open one and page a person or a policy first."
    )


def commanded(command: Commanded, provider_id: str, now: datetime) -> Told:
    """Do what the command says, for who typed it. In the caller's transaction. Raises Refused."""
    verb, rest = command.verb.strip().casefold(), command.rest[:WORDS_MAX].strip()
    if verb in ("", "help"):
        return Told(_commands(), Tone.ASKED)
    people = people_at(command.address)
    if not people:
        nobody = gettext(
            "Your address here is not that of anybody in Tocsin, so nothing was done. Add it to your contacts there."
        )
        return Told(nobody, Tone.NOT_DONE)
    if len(people) > 1:
        return Told(gettext("Several people have this address."), Tone.NOT_DONE)
    (user,) = people
    if not first_time(provider_id, command.id, now):
        return heard_before()
    if verb in ("who", "status"):
        if not user.may(May.SEE):
            return _may_not(user, gettext("see who is on call"))
        return Told(who_words(rest, user, now) if verb == "who" else _status(user, now))
    if verb in _ACTS:
        return _act(_ACTS[verb], user, rest, channel_word(command.address), now)
    if verb == "page":
        return _page(user, rest, channel_word(command.address), now)
    unknown = gettext("%(word)s is not known.") % {"word": repr(command.verb[:40])}
    return Told(f"{unknown} {_commands()}", Tone.ASKED)


def _status(user: User, now: datetime) -> str:
    return status_words(user, answerable([user.pk], now), now)


def _may_not(user: User, what: str) -> Told:
    words = gettext("Nothing was done: %(who)s may not %(what)s.")
    return Told(words % {"who": user.name, "what": what}, Tone.NOT_DONE)


def _act(verb: ActVerb, user: User, rest: str, through: str, now: datetime) -> Told:
    """An act on an incident by its number: "412", "#412", with what belongs to it behind."""
    number, _, text = rest.partition(" ")
    digits = number.lstrip("#")
    incident = (
        incident_of(int(digits)) if digits.isascii() and digits.isdigit() and len(digits) < 19 else None
    )
    if incident is not None and sight_of(incident, viewer_of(user)) is Sight.NOTHING:
        incident = None  # in the words for one that is not there
    if incident is None or not user.may(May.SEE):
        none = gettext("There is no incident %(number)s.") % {"number": repr(number[:20])} if number else ""
        such = gettext("Say its number, such as: %(verb)s 412.") % {"verb": verb}
        return Told(f"{none} {such}".strip(), Tone.ASKED)
    if verb is ActVerb.NOTE and not text.strip():
        empty = gettext("The note is empty. Such as: note %(number)s it is the disk.")
        return Told(empty % {"number": incident.pk}, Tone.ASKED)
    return act(verb, incident, user, through, text.strip(), now)


def _page(user: User, rest: str, through: str, now: datetime) -> Told:
    """Open an incident that pages first whom the first word names."""
    if not user.may(May.OPEN):
        return _may_not(user, gettext("open incidents"))
    name, _, title = rest.partition(" ")
    name = name.strip().removeprefix("@")
    title, wanted = cut(" ".join(title.split()), 300), name.casefold()
    if not title:
        return Told(gettext("Say whom, and what is wrong: page ada The shop is down."), Tone.ASKED)
    service = wanted if wanted in configuration().services else service_for("")
    by = by_user(user.pk, through)
    if wanted in configuration().services or wanted in policies():
        policy = wanted if wanted in policies() else configuration().services[wanted].policy
        if policy is None:
            none = gettext("%(name)s has no policy, so nobody would be paged.")
            return Told(none % {"name": name[:64]}, Tone.NOT_DONE)
        incident = page_by_policy(service, title, policy, by, now)
        called = policies()[policy].name or policy
    else:
        target = _target(wanted, name)
        if target is None:
            nobody = gettext("Nobody and nothing is called %(name)s here.")
            return Told(nobody % {"name": repr(name[:64])}, Tone.ASKED)
        incident = page_somebody(service, title, target, by, now)
        called = name_of(target)
    done = gettext("%(incident)s is open, and %(name)s is paged now.")
    return Told(done % {"incident": named(incident), "name": called[:64]})


def _target(name: str, address: str) -> Target | None:
    """The person, team or schedule of that id, or the only person of that name or address. Chats write addresses with
    capitals that count."""
    finds: tuple[tuple[TargetKind, Callable[[], bool]], ...] = (
        (TargetKind.USER, lambda: User.objects.people().filter(pk=name, is_active=True).exists()),
        (TargetKind.TEAM, lambda: Team.objects.filter(pk=name).exists()),
        (TargetKind.SCHEDULE, lambda: name in schedules()),
    )
    for kind, is_there in finds:
        if is_there():
            return Target(kind, name)
    called = people_at(address) or list(User.objects.people().filter(name__iexact=name, is_active=True)[:2])
    return Target(TargetKind.USER, called[0].pk) if len(called) == 1 else None
