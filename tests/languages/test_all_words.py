"""Nothing of what people are told is left in English: all that composes words is called, in each language, and what
comes out is held against the English texts of the catalogue."""

from __future__ import annotations

import ast
import copy
import pickle
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import polib
import pytest
from django.conf import settings
from django.test import Client, override_settings
from django.utils import translation
from django.utils.translation import gettext, override, trans_real

from tests.languages.catalogues import PACKAGE, _of_code, catalogues
from tests.oncall.conftest import BY, written
from tests.oncall_rules.world import daily
from tests.readiness.arranging import arrangement, person
from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.answering.actions import answer
from tocsin.answering.commanding import _may_not, commanded
from tocsin.answering.pressing import heard_before, nothing_known, only_a_copy, stranger
from tocsin.answering.rules.reading import Missing, Unclear
from tocsin.answering.rules.reporting import update_of
from tocsin.answering.rules.standing import Standing
from tocsin.answering.words import (
    asked_words,
    choices_words,
    done_words,
    how_words,
    next_people,
    nothing_done,
    nothing_was_done,
    standing_words,
    status_words,
)
from tocsin.catalog.models import Service
from tocsin.channels import chatting, wording
from tocsin.channels.email import as_html, as_text
from tocsin.channels.slack import modal
from tocsin.channels.telegram.channel import _commands
from tocsin.channels.twilio import hearing, markup
from tocsin.channels.twilio.texts import PARTS_MAX, keys_words, parts, small, sms_of, spoken
from tocsin.engine import last_resort
from tocsin.escalation import calling
from tocsin.escalation.alarm_actions import Alarm
from tocsin.escalation.calling import Asked, calls_of
from tocsin.escalation.models import Climb
from tocsin.escalation.rules import Handover as PassedOn
from tocsin.escalation.shadow_actions import copy_of
from tocsin.incident.models import Incident
from tocsin.incident.rules import State
from tocsin.incident.rules.snoozing import Reader, snooze_until
from tocsin.kernel.acting import by_user
from tocsin.kernel.calendars import calendar_from
from tocsin.kernel.errors import Refused
from tocsin.kernel.phrases import phrase
from tocsin.kernel.spans import Span
from tocsin.kernel.urgency import Urgency
from tocsin.notification.bundling import Other, together
from tocsin.notification.contact_actions import _left_words
from tocsin.notification.hearing import Commanded, Written
from tocsin.notification.models import Page
from tocsin.notification.rules import Act, ActVerb, Kind, Message
from tocsin.oncall import rules as oncall
from tocsin.oncall.absences import add_absence
from tocsin.oncall.actions import save_schedule
from tocsin.oncall.models import CoverRequest, Import, Override, Schedule
from tocsin.people.actions import change_user
from tocsin.people.models import Contact, User
from tocsin.people.rules import Language
from tocsin.people.saving import Left
from tocsin.people.speaking import clock_words, language_of, listed, moment_words, told, when_words
from tocsin.readiness.rules import prove
from tocsin.readiness.rules.gaps import Gap, GapKind, gaps_ahead
from tocsin.telling import changes, contacts, covers, gaps, handovers, hooks, imports, starts, unreached
from tocsin.telling.models import Handover, Word

TRANSLATED = [language for language in Language if language is not Language.ENGLISH]
PLACE = re.compile(r"%\(\w+\)s")
WORDS_LEAST = 2  # a piece of one word may be the same in two languages

Composed = Iterable[object]


@dataclass(frozen=True)
class Scene:
    """What there is to talk about."""

    road: Road
    incident: Incident
    pages: list[Page]
    bo: User
    here: ZoneInfo

    @property
    def span(self) -> Span:
        return Span(self.road.now, self.road.now + timedelta(days=8))


@pytest.fixture
def scene(world: World, clock: Clock, outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr("tocsin.site.clock.now", lambda: clock.now)
    save_schedule(written(), "web", BY, clock.now)
    road = Road(world, clock)
    road.event("one", title="Kasse")
    road.look()
    incident = road.incident()
    return Scene(
        road, incident, list(Page.objects.all()), User.objects.get(pk="bo"), ZoneInfo("Europe/Madrid")
    )


# -- all that composes -------------------------------------------------------------------------------------------------


def _shifts(at: Scene) -> Iterator[object]:
    row, now = Schedule(id="web", name="Web"), at.road.now
    later = Span(at.span.end, at.span.end + timedelta(hours=8))
    moves = [
        oncall.ShiftChange("web", "bo", *pair) for pair in ((at.span, later), (None, later), (at.span, None))
    ]
    for why in oncall.Why:
        for ahead in (None, ("web", later)):
            person = oncall.Person("bo", timedelta(), timedelta(), None, ahead, why)
            yield changes._words(row, person, moves * 4, at.here)
    start = starts.Start(now + timedelta(days=1), "web-primary", "bo")
    yield starts._words([start], {}, at.here)
    yield starts._words([start] * 9, {}, at.here)
    yield gaps._words(row, [at.span, Span(now, now + timedelta(days=60))] * 5, now, at.here)
    for urgencies in ((Urgency.HIGH,), (Urgency.LOW,), tuple(Urgency)):
        gap = Gap(GapKind.SERVICE, "shop", at.span, "X", "Y", urgencies=urgencies)
        yield unreached._words(Service(name="Web"), [gap] * 9, now, at.here)
    yield unreached._line(
        Gap(GapKind.SERVICE, "shop", Span(now, now + timedelta(days=99)), "X", "Y"), now, at.here
    )


def _missing(at: Scene) -> Iterator[object]:
    """What the proof says of an arrangement with everything that can be missing."""
    start, end = at.road.now, at.road.now + timedelta(days=2)
    open_ = [{"days": ["mon-fri"], "from": "09:00", "to": "17:00"}]
    office = calendar_from({"id": "office", "timezone": "UTC", "hours": open_})
    condition = {"outside": "office", "zone": "person"}
    people = (
        person("ada", "10h", untried=frozenset({"way-0"})),
        person("bo", active=False),
        person("cy", contacts={}),
        person("dan", contacts={}, unverified=frozenset({"mail"})),
        person("eve", broken={"way-0": phrase("fails: %(why)s", why="X")}),
    )
    night = daily("ada", start="2026-01-05T09:00", restrict=[{"from": "09:00", "to": "17:00"}])
    for levels in (
        ("user:bo", "user:cy user:dan", "user:eve"),
        ("schedule:web", "schedule:web/next", "schedule:web/previous", "schedule:gone"),
        ("5m team:web team:none place:room", "user:nobody", "user:ada"),
        ("user:ada", "user:bo"),
        ({"notify": ["user:ada"], "timeout": "10m", "when": condition}, "user:ada"),
        (),
    ):
        there = arrangement(
            *levels, people=people, schedules=({"id": "web", "layers": [night]},), calendars=(office,),
            teams={"web": ()}, repeat=1, fallback=("cy",), is_named=True,
        )  # fmt: skip
        yield from ((told(gap.why), told(gap.mend)) for gap in gaps_ahead(there, start, end))
        for wanted in (1, 2, 3):
            found = prove(there, start, end, wanted, timedelta(minutes=5 * wanted))
            yield from (told(weak.why) for proof in found for weak in proof.weak)


def _paging(at: Scene) -> Iterator[object]:
    """What a climb adds to the words of a page."""
    now = at.road.now
    add_absence("bo", at.span, "", by_user("bo", "web"), now)
    climb = Climb.objects.get(incident=at.incident)
    note = PassedOn("X", "X", "X", "X").as_text()
    asked = [Asked(climb, user, "level 1 of policy Web, round 2", note) for user in ("bo", "ada")]
    paged = next(call for call in calls_of(asked, now) if call.user_id == "bo")
    yield (paged.lines, paged.note, calling._also(at.bo, ["Cy"], True, now))
    copy = copy_of(paged)
    yield (copy.subject, copy.lines)
    for count in (1, 2, 9):
        alarms = [Alarm(number, {"title": "Kasse"}) for number in range(count)]
        said = last_resort.message_of(alarms)
        yield (said.subject, said.lines)
    tried = last_resort.test_message()
    yield (tried.subject, tried.lines)


def _cover(at: Scene) -> Iterator[object]:
    said = {name: text for name, text in vars(covers).items() if name.isupper() and isinstance(text, str)}
    row = CoverRequest(
        schedule=Schedule(id="web"), user=at.bo, starts_at=at.span.start, ends_at=at.span.end, made_at=at.road.now,
        returns_start=at.span.end, returns_end=at.span.end + timedelta(hours=1),
    )  # fmt: skip
    for text in said.values():
        yield covers._words(row, text, (text,), "Cy", "Danke", at.here)


def _handover(at: Scene) -> Iterator[object]:
    row, now = Schedule(id="web"), at.road.now
    override_ = {"schedule": row, "starts_at": at.span.start, "ends_at": at.span.end}
    modes = [
        Override(**override_, users=["bo"], replaces=["cy"], mode=mode)
        for mode in ("add", "remove", "replace")
    ]
    modes += [Override(**override_, users=["bo"], mode="replace"), Override(**override_, layers=[], name="X")]
    note = Handover(schedule=row, at=now, began_at=now, going=[], coming=["bo"])
    for state in State:
        incidents = [Incident(pk=1, title="X", state=state, priority="P1")] * 9
        for opened in (0, 1, 2):
            found = handovers.State(incidents, opened, 0, [], modes[:4])
            yield handovers._words(row, note, found, [Word(by="user:bo", text="X")], opened == 1, at.here)
    yield handovers._words(row, note, handovers.State([], 0, 0, [], modes[1:]), [], True, at.here)


def _trouble(at: Scene) -> Iterator[object]:
    now = at.road.now
    contact = Contact(user=at.bo, name="X", failing_why="Y", failing_since=now)
    for alone in (True, False):
        yield contacts._own_words(contact, alone, now, at.here)
    other = Contact(user=User(pk="nobody", name="N"), name="X", failing_why="Y")
    people = {"bo": at.bo, "nobody": other.user}
    found = [SimpleNamespace(contact=each) for each in (contact, other)]
    yield contacts._words(found[:1], people, at.here)  # type: ignore[arg-type]
    yield contacts._words(found * 20, people, at.here)  # type: ignore[arg-type]
    for state in (imports.FAILING, imports.STALE, imports.NAMES, imports.FINE):
        for copied in (None, now - timedelta(days=2)):
            row = Import(schedule=Schedule(id="web"), problem="X", unknown=["Y"], copied_at=copied)
            yield imports._words(row, state, now, at.here)
    yield imports._words(Import(problem="X"), imports.FAILING, now, at.here)
    for dropped in (1, 2):
        yield hooks._words(SimpleNamespace(off_why="X"), dropped, at.here)  # type: ignore[arg-type]
    for own in (True, False):
        yield _left_words(Left("bo", "X", "mailto:x@example.com"), at.bo, "" if own else "Cy", own, now)


def _answers(at: Scene) -> Iterator[object]:
    now, incident, bo = at.road.now, at.incident, at.bo
    yield from (asked_words(Unclear(why), at.pages) for why in Missing)
    yield asked_words(Unclear(Missing.WORDS, "x"), [])
    yield from (how_words(), choices_words(at.pages), next_people(incident, now))
    yield from (heard_before().text, nothing_known().text, only_a_copy().text, stranger().text)
    for meets in Standing:
        if meets is not Standing.OPEN:
            yield standing_words(meets, incident, bo, now)
    for verb in ActVerb:
        yield done_words(verb, incident, bo, now, "Cy")
    for why in (
        phrase("%(who)s has it already", who="Cy"),
        phrase("it is resolved already"),
        phrase("it is closed"),
    ):
        yield nothing_done(incident, why)
    yield status_words(bo, at.pages, now)
    for text in ("x", "1m", "30d", "until open nowhere", "until open"):
        try:
            snooze_until(text, Reader("UTC", lambda calendar, at: None), now)
        except Refused as refused:
            yield nothing_was_done(refused)
    for state in (State.ACKNOWLEDGED, State.TRIGGERED, State.RESOLVED):
        for holder in ("", "Cy"):
            update = update_of("x", state, holder, "X" if holder else "")
            yield told(update.text) if update else ""


def _commands_typed(at: Scene) -> Iterator[object]:
    now = at.road.now
    mine = at.incident.pk
    lines = (
        "help", "foo", "who", "who shop", "who web-primary", "who web", "who nothing", "status", "ack", "ack 99999",
        f"note {mine}", "page", "page x y", "page web Kasse", "page shop Kasse", "page bo Kasse", "open", "open Kasse",
        f"snooze {mine} 1m", f"escalate {mine}", f"ack {mine}", f"ack {mine}",
    )  # fmt: skip
    for number, line in enumerate(lines):
        verb, _, rest = line.partition(" ")
        yield answer(Commanded("fake:bo", verb, rest, id=f"c{number}"), "chat", now).text
    yield commanded(Commanded("fake:nobody", "who", id="x"), "chat", now).text
    yield _may_not(at.bo, gettext("open incidents")).text
    yield _may_not(at.bo, gettext("see who is on call")).text
    for text in ("foo", "help", "status", "999999", "ack", "snooze 123456", "note 123456", "123456 654321"):
        yield answer(Written("fake:bo", text, id=text), "texts", now).text
    for number in range(6):
        yield answer(Written("fake:bo", f"00000{number}", id=f"w{number}"), "texts", now).text


def _channels(at: Scene) -> Iterator[object]:
    language = at.bo.language
    act = Act(ActVerb.ACKNOWLEDGE, gettext("Acknowledge"), "https://example.com/a/x")
    details = {"priority": "P1", "impact": "major"}
    for state in ("triggered", "acknowledged", "snoozed", "resolved", "closed"):
        for kind in (Kind.PAGE, Kind.SHADOW):
            message = Message(
                "1", "[P1] Kasse", ["Web: Kasse"], [act], "https://example.com/i/1", kind=kind, details=details,
                language=language, state=state, code="123456", reply_to="r@example.com",
            )  # fmt: skip
            yield from (
                as_text(message),
                as_html(message),
                sms_of(message),
                spoken(message),
                keys_words(message),
            )
            yield from (chatting.badge(message), chatting.open_word(message), chatting.snooze_word(message))
            yield from (chatting.snooze_spans(message), chatting.look_there(message))
            for count in (1, 2, 11):
                many = together(message, [Other(number, "Web") for number in range(10, 10 + count)])
                yield from (many.subject, many.lines)
    yield chatting.headline(Message("1", "", language=language))
    yield chatting.address_words("slack:U1", language, "slack:C1")
    yield wording.rendering_failed(language)
    yield from (modal.view("", ""), modal.closing(""))
    yield _commands(Language(language))["commands"]
    yield from (hearing._no_such_key(language), hearing._nobody_here())


def _public(at: Scene) -> Iterator[object]:
    reader = Client(headers={"accept-language": at.bo.language})
    yield reader.get("/report").content.decode().partition("<h1>")[2]
    yield reader.post("/report", {"words": "x", "urgency": "high"}).content.decode().partition("<h1>")[2]
    yield reader.get("/a/nothing").content.decode().partition("<h1>")[2]


COMPOSING: tuple[Callable[[Scene], Iterator[object]], ...] = (
    _shifts, _missing, _paging, _cover, _handover, _trouble, _answers, _commands_typed, _channels, _public,
)  # fmt: skip


# -- what is held against what -----------------------------------------------------------------------------------------


def _texts(found: object) -> Iterator[str]:
    if isinstance(found, str):
        yield found
    elif isinstance(found, dict):
        yield from (text for value in found.values() for text in _texts(value))
    elif isinstance(found, Iterable):
        yield from (text for value in found for text in _texts(value))


def english(language: str) -> dict[str, str]:
    """The pieces of English that must not be told to who speaks `language`, each with its text."""
    pieces = {}
    catalogue = polib.pofile(str(catalogues()[language]))
    # Words that are typed are the same in every language.
    own = "\n".join(said for entry in catalogue for said in (entry.msgstr, *entry.msgstr_plural.values()))
    for entry in catalogue:
        for text in filter(None, (entry.msgid, entry.msgid_plural)):
            for part in PLACE.split(text):
                piece = part.strip(" .,:;()#'\"")
                if len(piece.split()) >= WORDS_LEAST and piece not in own:
                    pieces[piece] = text
    return pieces


@pytest.mark.parametrize("compose", COMPOSING)
@pytest.mark.parametrize("language", TRANSLATED)
def test_no_english_is_told_to_who_speaks_another_language(
    scene: Scene, language: Language, compose: Callable[[Scene], Iterator[object]]
) -> None:
    change_user("bo", by_user("ada", "web"), scene.road.now, language=language)
    scene.bo.refresh_from_db()
    config = scene_config(language)
    with override_settings(CONFIG=config), override(language):
        said = list(_texts(list(compose(scene))))
    assert said
    wrong = english(language)
    shape = re.compile(
        "|".join(rf"(?<!\w){re.escape(piece)}(?!\w)" for piece in sorted(wrong, key=len, reverse=True))
    )
    assert [(found.group(), text) for text in said if (found := shape.search(text))] == []


def scene_config(language: str) -> Any:
    return replace(settings.CONFIG, language=str(language), reports=("chat", "mail", "public"))


COMPOSED_HERE = ("telling", "answering", "notification/bundling.py", "notification/contact_actions.py")


def test_every_text_of_the_rooms_that_tell_is_composed_here(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: set[str] = set()
    one, many = trans_real.gettext, trans_real.ngettext

    def note_one(text: str) -> str:
        asked.add(text)
        return one(text)

    def note_many(text: str, plural: str, count: float) -> str:
        asked.add(text)
        return many(text, plural, count)

    functions: Any = vars(translation)["_trans"]  # what every `gettext` of Django's asks
    monkeypatch.setattr(functions, "gettext", note_one)
    monkeypatch.setattr(functions, "ngettext", note_many)
    with override_settings(CONFIG=scene_config("de")), override("de"):
        for compose in COMPOSING:
            list(compose(scene))
    assert sorted(set(_marked(COMPOSED_HERE)) - asked - set(TOLD_ELSEWHERE)) == []


# What takes a past to be said: the stories of these rooms say it, and the catalogue's own tests that it is translated.
TOLD_ELSEWHERE = (
    "#%(number)s is not open",
    "%(name)s has no policy, so nobody would be paged.",
    "%(names)s and more",
    "%(who)s acknowledged it at %(time)s; %(holder)s has it.",
    "%(who)s are on call until %(time)s.",
    "%(who)s are on call.",
    "%(who)s is on call.",
    "%(who)s looked at it, and nothing is done: %(reason)s",
    "%(who)s put it off until %(time)s.",
    "%(who)s resolved it at %(time)s.",
    "And more.",
    "Call somebody.",
    "Enter it where your contacts are, within %(count)s minutes. Then pages come here.",
    "It is known already, as %(incident)s. You are told how that goes on.",
    "It is noted that the test reached you.",
    "Its alerts still fire.",
    "Nobody ever asks you for it. If you did not ask for it, do nothing: without it nothing comes here.",
    "Nothing is open.",
    "Nothing of yours is open; %(count)s of others.",
    "Nothing was done: %(code)s means two messages. Open the link in yours instead.",
    "Nothing was done: only who was paged about %(incident)s, or reads it, can act on it.",
    "Nothing was done: the code is not that of the message you answer.",
    "Nothing was opened: only people with an account here may report.",
    "Several people have this address.",
    "Team %(team)s: %(members)s",
    "The report is too long",
    "There are no services and no schedules yet.",
    "There is no schedule. Ask for a service, such as: who shop.",
    "There is no service %(name)s",
    "There is no service yet that it could be about",
    "Too many reports came in the last hour",
    "You reported often in the last hour",
    "Your code for Tocsin is %(code)s",
    "Your report: %(title)s",
    "a page now would reach nobody.",
    "an open incident",
    "at most %(count)s",
    "at most %(count)s characters",
    "from %(time)s",
    "it ended at %(time)s: %(why)s.",
    "it is closed.",
    "one of %(names)s",
    "the fallback contact, since the policy reaches nobody: %(who)s",
    "until %(time)s",
)


def _marked(places: Iterable[str]) -> Iterator[str]:
    for place in places:
        path = PACKAGE / place
        for file in [path] if path.suffix else sorted(path.rglob("*.py")):
            yield from (text for text, _ in _of_code(ast.parse(file.read_text(encoding="utf-8"))))


# -- SMS, voices, times ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize(
    "title", ["Kasse", "Zahlung fehlgeschlagen " * 20, "決済が失敗しました" * 20, "🔥" * 80]
)
def test_an_sms_keeps_its_code_and_its_two_parts_in_every_language(language: Language, title: str) -> None:
    with override(language):
        act = Act(ActVerb.ACKNOWLEDGE, gettext("Acknowledge"), "https://tocsin.example.com/a/" + "x" * 44)
    message = Message(
        "1", f"[P1] {title} · Web #412", [f"Web: {title}", title], [act], language=language, code="123456"
    )
    for text in (sms_of(message), sms_of(together(message, [Other(number, title) for number in range(12)]))):
        assert parts(text) <= PARTS_MAX
        assert "123456" in text
        assert "\ufffd" not in text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@pytest.mark.parametrize("language", Language)
def test_what_a_call_adds_is_written_in_letters_that_every_telephone_has(language: Language) -> None:
    """No SMS becomes a third as long because of our own words."""
    message = Message("1", "[P1] X", ["Web: X"], language=language, code="123456", kind=Kind.SHADOW)
    assert small(sms_of(message)) is not None


@pytest.mark.parametrize(
    ("language", "voice"),
    [("en", "en-GB"), ("de", "de-DE"), ("es", "es-ES"), ("fr", "fr-FR"), ("tlh", "en-GB")],
)
def test_a_call_is_read_by_a_voice_of_its_language(language: str, voice: str) -> None:
    message = Message("1", "[P1] X", ["Web: X", "Y"], language=language)
    assert set(re.findall(r'language="([^"]*)"', markup.said([spoken(message)] * 2, language))) == {voice}
    asked = markup.asked(spoken(message), "4", "8", "/keys", 6, language)
    assert set(re.findall(r'language="([^"]*)"', asked)) == {voice}


def test_times_and_names_are_said_as_they_are_in_each_language(clock: Clock) -> None:
    here = ZoneInfo("UTC")
    span = Span(clock.now, clock.now + timedelta(days=3))
    said = {}
    for language in Language:
        with override(language):
            said[str(language)] = (
                moment_words(span.start, here), when_words(span, here), listed(["Bo", "Cy", "Di"]), listed([]),
                clock_words(span.end, here, clock.now), clock_words(span.end + timedelta(days=30), here, clock.now),
            )  # fmt: skip
    assert said == {
        "en": ("Mon 2 Mar 09:00", "Mon 2 Mar 09:00 to Thu 5 Mar 09:00", "Bo, Cy and Di", "nobody", "Thu 09:00",
               "4 Apr 09:00"),
        "de": ("Mo 2. Mär 09:00", "Mo 2. Mär 09:00 bis Do 5. Mär 09:00", "Bo, Cy und Di", "niemand", "Do 09:00",
               "4. Apr 09:00"),
        "es": ("lun 2 mar 09:00", "lun 2 mar 09:00 a jue 5 mar 09:00", "Bo, Cy y Di", "nadie", "jue 09:00",
               "4 abr 09:00"),
        "fr": ("lun 2 mars 09:00", "lun 2 mars 09:00 à jeu 5 mars 09:00", "Bo, Cy et Di", "personne", "jeu 09:00",
               "4 avr 09:00"),
    }  # fmt: skip


def test_a_phrase_is_a_string_that_can_be_said_again() -> None:
    words = phrase("%(who)s has it now.", who=phrase("Somebody"))
    assert words == "Somebody has it now."
    for again in (words, copy.deepcopy(words), pickle.loads(pickle.dumps(words))):
        with override("de"):
            assert told(again) == "Jemand kümmert sich jetzt darum."
            assert told(str(again)) == "Somebody has it now."


@pytest.mark.parametrize(
    ("tag", "language"), [("de-AT", "de"), ("FR", "fr"), ("tlh", "en"), (None, "en"), ("", "en")]
)
def test_a_tag_names_a_language_of_ours_or_the_houses(tag: object, language: str) -> None:
    assert language_of(tag) == language


# -- what nobody marked ------------------------------------------------------------------------------------------------

CALLING = [PACKAGE / "escalation" / f"{name}.py" for name in ("calling", "place_actions", "shadow_actions")]
PROVING = [
    PACKAGE / "readiness" / "rules" / f"{name}.py" for name in ("climbing", "coverage", "explaining", "gaps")
]
TELLING = sorted(path for path in (PACKAGE / "telling").glob("*.py") if path.stem != "models")
TELLING += CALLING + PROVING
MARKS = ("gettext", "gettext_noop", "ngettext", "phrase")
NOT_TOLD = ("reason", "path")  # keywords of a notice that stay with us
PROSE = re.compile(r"[a-z]{2,} [a-z]{2,}")


@pytest.mark.parametrize("path", TELLING, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_no_sentence_that_people_are_told_is_left_unmarked(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    spared: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            spared |= {each for each in node.body if isinstance(each, ast.Expr)}
        elif (
            isinstance(node, ast.Raise | ast.Assert)
            or (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MARKS)
            or (isinstance(node, ast.keyword) and node.arg in NOT_TOLD)
        ):
            spared.add(node)
    inside = {below for node in spared for below in ast.walk(node)}
    prose = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in inside
        if PROSE.search(node.value)
    ]
    assert prose == ALLOWED.get(path.stem, [])


# What stays with us, or is compared with.
ALLOWED = {"imports": ["holidays of ", "cannot be fetched"]}
