"""A person is paged in their own language, from the message to the page that its link opens."""

from __future__ import annotations

from datetime import timedelta
from email import message_from_bytes
from email.headerregistry import Address
from email.message import Message as Letter

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.answering.rules.standing import Standing
from tocsin.answering.words import done_words, standing_words
from tocsin.channels.email import write
from tocsin.channels.twilio.texts import parts, sms_of, spoken
from tocsin.engine.attempt import deliver_one
from tocsin.incident.actions import resolve
from tocsin.kernel.acting import by_user
from tocsin.notification.claiming import claim
from tocsin.notification.rules import ActVerb, Kind, Message
from tocsin.people.actions import change_user
from tocsin.people.models import User
from tocsin.people.rules import Language

ADA, CY = by_user("ada", "web"), by_user("cy", "web")
SENDER = Address("Tocsin", "tocsin", "example.com")
SAID = {
    "en": ("Acknowledge", "Since 09:00 UTC (just now); major impact, high urgency.", "Everything about it"),
    "de": ("Übernehmen", "Seit 09:00 UTC (gerade eben); große Auswirkung, hohe Dringlichkeit.", "Alles dazu"),
    "es": (
        "Asumir",
        "Desde: 09:00 UTC (ahora mismo); impacto grave, urgencia alta.",
        "Todos los detalles",
    ),
    "fr": (
        "Prendre en charge",
        "Depuis 09:00 UTC (à l'instant)\u00a0; impact majeur, urgence élevée.",
        "Tous les détails",
    ),
}
PRESSED = {
    "en": ("Nobody has it", "You act as Bo Lind.", "You acknowledged it."),
    "de": ("Niemand kümmert sich", "Du handelst als Bo Lind.", "Du hast übernommen."),
    "es": ("No la tiene nadie", "Actúas como Bo Lind.", "La has asumido."),
    "fr": ("Personne ne s&#x27;en occupe", "Tu agis en tant que Bo Lind.", "Tu l&#x27;as pris en charge."),
}
OVER = {
    "en": ("Resolved: ", "It is over: resolved by Cy Tran, 6 min after it began."),
    "de": ("Behoben: ", "Es ist vorbei: von Cy Tran behoben. Dauer: 6 min."),
    "es": ("Resuelta: ", "Ha terminado: resuelta por Cy Tran. Duración: 6 min."),
    "fr": ("Résolu\u00a0: ", "C'est terminé\u00a0: résolu par Cy Tran. Durée\u00a0: 6 min."),
}


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> Road:
    monkeypatch.setattr("tocsin.site.clock.now", lambda: clock.now)
    return Road(world, clock)


def _paged(road: Road, outbox: Outbox, language: str) -> Message:
    change_user("bo", ADA, road.now, language=language)
    road.event("db")
    road.look()
    return outbox.to("bo")[0]


def _plain(letter: Letter) -> str:
    (part,) = [part for part in letter.walk() if part.get_content_type() == "text/plain"]
    return bytes(part.get_payload(decode=True)).decode()


@pytest.mark.parametrize("language", Language)
def test_the_message_the_letter_and_the_sms_are_in_the_language_of_their_reader(
    road: Road, outbox: Outbox, language: str
) -> None:
    message = _paged(road, outbox, language)
    button, since, everything = SAID[language]
    assert message.language == language
    assert (message.acts[0].label, message.lines[1]) == (button, since)
    letter = message_from_bytes(write(SENDER, "bo@example.com", "Bo", message, road.now))
    text = _plain(letter)
    assert text.startswith(f"{button}: http")
    assert since in text and f"{everything}: http" in text
    sms = sms_of(message)
    assert parts(sms) <= 2 and message.code in sms
    assert "Checkout fails" in spoken(message)


@pytest.mark.parametrize("language", Language)
def test_the_page_behind_a_link_is_in_the_language_of_whom_it_is_for(
    road: Road, outbox: Outbox, language: str
) -> None:
    message = _paged(road, outbox, language)
    link = next(act.url for act in message.acts if act.verb is ActVerb.ACKNOWLEDGE)
    link = link.removeprefix("http://127.0.0.1:8000")
    nobody, acts_as, done = PRESSED[language]
    shown = Client().get(link).content.decode()
    assert f'<html lang="{language}"' in shown
    assert nobody in shown and acts_as in shown
    assert done in Client().post(link, follow=True).content.decode()


@pytest.mark.parametrize("language", Language)
def test_each_is_told_the_end_in_their_own_language(road: Road, outbox: Outbox, language: str) -> None:
    _paged(road, outbox, language)
    road.live(minutes=6)
    resolve(road.incident().pk, CY, road.now)
    road.look()
    (end,) = [message for message in outbox.to("bo") if message.kind == Kind.OVER]
    subject, line = OVER[language]
    assert end.subject.startswith(f"{subject}[P1] Checkout fails")
    assert end.lines[0] == line


ANSWERED = {
    "en": (
        "it is yours. Nobody else is paged.",
        "Cy Tran resolved it at 09:00. There is nothing left to do.",
    ),
    "de": (
        "es liegt bei dir. Sonst wird niemand alarmiert.",
        "Cy Tran hat es behoben (09:00). Es ist nichts mehr zu tun.",
    ),
    "es": (
        "está a tu cargo. No se avisa a nadie más.",
        "Cy Tran la resolvió (09:00). Ya no queda nada que hacer.",
    ),
    "fr": (
        "il est à toi. Personne d'autre n'est alerté.",
        "Cy Tran l'a résolu (09:00). Il n'y a plus rien à faire.",
    ),
}


@pytest.mark.parametrize("language", Language)
def test_who_answers_is_told_in_their_own_language_what_became_of_it(
    road: Road, outbox: Outbox, language: str
) -> None:
    message = _paged(road, outbox, language)
    bo, incident = User.objects.get(pk="bo"), road.incident()
    taken, over = ANSWERED[language]
    assert (
        done_words(ActVerb.ACKNOWLEDGE, incident, bo, road.now) == f"#{incident.pk} Checkout fails: {taken}"
    )
    resolve(incident.pk, CY, road.now)
    told = standing_words(Standing.OVER, road.incident(), bo, road.now)
    assert told == f"#{incident.pk} Checkout fails: {over}"
    assert message.language == language


def test_what_one_person_reads_changes_nothing_for_another(road: Road, outbox: Outbox) -> None:
    _paged(road, outbox, "de")
    road.live(minutes=6)
    (after,) = {message.language for message in outbox.to("cy")}
    assert after == "en"
    assert outbox.to("cy")[0].acts[0].label == "Acknowledge"


def test_composing_asks_no_table_for_the_language(road: Road, outbox: Outbox) -> None:
    change_user("bo", ADA, road.now, language="de")
    road.event("db")
    for _ in range(2):
        for duty in road.duties:
            duty.act(road.now)
    (claimed, *_) = claim(road.now)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        deliver_one(claimed, lambda: road.now)
    assert [query["sql"] for query in asked if "people_user" in query["sql"]] == []
    assert outbox.to("bo")[0].language == "de"


@given(title=st.text(max_size=200), language=st.sampled_from(Language), note=st.text(max_size=100))
def test_no_text_breaks_a_message_in_any_language(title: str, language: Language, note: str) -> None:
    message = Message(
        id="1", subject=f"[P1] {title}", lines=[f"Web shop: {title}", title], note=note, language=language,
        link="https://tocsin.example.com/incidents/1", code="123456", reply_to="reply+x@example.com",
    )  # fmt: skip
    assert parts(sms_of(message)) <= 2
    assert spoken(message)
    now = Clock().now + timedelta(minutes=1)
    assert "123456" in _plain(message_from_bytes(write(SENDER, "bo@example.com", "Bo", message, now)))


def test_the_language_is_one_of_those_that_there_are(world: World, clock: Clock) -> None:
    from tocsin.kernel.errors import Refused

    with pytest.raises(Refused, match="one of en, de, es, fr"):
        change_user("bo", ADA, clock.now, language="tlh")
    change_user("bo", ADA, clock.now, language="fr")
    change_user("bo", ADA, clock.now, name="Bo L.")
    assert User.objects.get(pk="bo").language == "fr"
