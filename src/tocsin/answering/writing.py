"""Words that somebody sent: a code with a verb, or an answer to one message."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext, override

from tocsin.answering import acting
from tocsin.answering.once import first_time, right_code, tries_of, wrong_code
from tocsin.answering.people import answerable, behind, people_at, with_code
from tocsin.answering.pressing import (
    act,
    heard_before,
    incident_of,
    nothing_known,
    only_a_copy,
    stranger,
)
from tocsin.answering.receipts import delivery_of
from tocsin.answering.rules.reading import Help, Status, Unclear, Wish, read_words
from tocsin.answering.rules.standing import Standing, standing
from tocsin.answering.words import (
    asked_words,
    choices_words,
    clock_of,
    done_words,
    how_words,
    next_people,
    nothing_done,
    standing_words,
    status_words,
)
from tocsin.notification.channels import channel_word
from tocsin.notification.hearing import Told, Tone, Written
from tocsin.notification.links import ActLink, reply_code
from tocsin.notification.models import ActUse, Page
from tocsin.notification.rules import ActVerb, Kind
from tocsin.notification.self_test import find_by_code, say_reached
from tocsin.people.models import User
from tocsin.people.rules import Language

SILENT = Told(tone=Tone.SILENT)


def written(words: Written, provider_id: str, now: datetime) -> Told:
    """Do what the words say. Strangers are not answered, unless they wrote into a conversation that we began.
    In the caller's transaction. Raises Refused."""
    delivery = delivery_of(words.delivery, words.reference, now)
    if delivery is not None and delivery.page.incident_id is not None:
        user = behind(words.address, delivery.page.user_id)
        if user is None:
            return stranger()
        if not first_time(provider_id, words.id, now):
            return heard_before()
        return answered(delivery.page, user, words.text, channel_word(words.address), now)
    people = people_at(words.address)
    if not people or tries_of(words.address).silent(now):
        return SILENT
    if not first_time(provider_id, words.id, now):
        return heard_before()
    return _by_code(words, people, now)


def answered(page: Page, user: User, text: str, through: str, now: datetime) -> Told:
    """What `text` asks for, from `user` who answers the message of `page`. Raises Refused."""
    read = read_words(text, known=True)
    if isinstance(read, Help):
        return Told(how_words(), Tone.ASKED)
    if isinstance(read, Status):
        return Told(status_words(user, answerable([user.pk], now), now))
    if isinstance(read, Unclear):
        return Told(asked_words(read, [page]), Tone.ASKED)
    if read.code and read.code != reply_code(page.pk):
        other = gettext("Nothing was done: the code is not that of the message you answer.")
        return Told(other, Tone.ASKED)
    if page.kind == Kind.SHADOW and user.pk == page.user_id and read.verb is not ActVerb.NOTE:
        return only_a_copy()
    if user.pk == page.user_id:
        return _use(page, user, read, through, now)
    incident = incident_of(page.incident_id)
    if incident is None:
        return nothing_known()
    return act(read.verb, incident, user, through, read.text, now)


def _by_code(words: Written, people: list[User], now: datetime) -> Told:
    """What an address of `people` writes by itself, such as an SMS: the code says which page, and so who it is."""
    if (test := find_by_code([user.pk for user in people], words.text.strip(), now)) is not None:
        right_code(words.address)
        say_reached(test, channel_word(words.address), now)
        with override(test.page.user.language if test.page.user is not None else Language.ENGLISH):
            return Told(gettext("It is noted that the test reached you."))
    read = read_words(words.text)
    pages = answerable([user.pk for user in people], now)
    if isinstance(read, Help):
        return Told(how_words(), Tone.ASKED)
    if isinstance(read, Status):
        return Told(status_words(people[0], pages, now))
    if isinstance(read, Unclear):
        return Told(asked_words(read, pages), Tone.ASKED)
    found = with_code(pages, read.code)
    if len(found) == 1 and found[0].user is not None:
        right_code(words.address)
        return _use(found[0], found[0].user, read, channel_word(words.address), now)
    if found:  # one in a million, and not to be guessed
        two = gettext("Nothing was done: %(code)s means two messages. Open the link in yours instead.")
        return Told(two % {"code": read.code}, Tone.ASKED)
    after = wrong_code(words.address, now)
    if after.silent(now):
        until = clock_of(after.silent_until or now, people[0], now)
        silent = gettext(
            "Nothing was done: too many wrong codes. Answers from here are not read until %(time)s; open the link in"
            " the message, or sign in."
        )
        return Told(silent % {"time": until}, Tone.NOT_DONE)
    wrong = gettext("Nothing was done: no message of the last day has the code %(code)s.")
    return Told(f"{wrong % {'code': read.code}} {choices_words(pages)}".strip(), Tone.NOT_DONE)


def _use(page: Page, user: User, wish: Wish, through: str, now: datetime) -> Told:
    """Do it as with a link of that page: each verb once, for a day; notes as often as there is something to say."""
    incident = incident_of(page.incident_id)
    if incident is None:
        return nothing_known()
    used = ActUse.objects.filter(page=page, verb=wish.verb).values_list("used_at", flat=True).first()
    link = ActLink(page, wish.verb, used)
    meets = standing(acting.press_of(link, incident), now)
    if meets is not Standing.OPEN:
        return Told(standing_words(meets, incident, user, now), Tone.NOT_DONE)
    if wish.verb is ActVerb.NOTE:
        return act(wish.verb, incident, user, through, wish.text, now)
    woken = next_people(incident, now) if wish.verb is ActVerb.ESCALATE else ""
    outcome = acting.use(link, now, text=wish.text, through=through)
    if outcome is None:
        return Told(standing_words(Standing.DONE, incident, user, now), Tone.NOT_DONE)
    if not outcome.changed:
        return Told(nothing_done(outcome.incident, outcome.why), Tone.NOT_DONE)
    return Told(done_words(wish.verb, outcome.incident, user, now, woken))
