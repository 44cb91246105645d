"""How a person is reached, over REST: contacts and their codes, rules, quiet hours, and the test of all of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from ninja import Path, Status
from pydantic import BaseModel, Field

from tocsin.api.auth import Asked
from tocsin.api.people import near
from tocsin.api.room import Room
from tocsin.api.words import Data, Duration, Sent, Slug, SlugInPath, shown
from tocsin.journal.changes import changing
from tocsin.kernel.errors import Refused, not_found
from tocsin.kernel.hours import WINDOWS_MAX
from tocsin.kernel.urgency import Urgency
from tocsin.notification.actions import test_rules
from tocsin.notification.contact_actions import save_contacts, send_code
from tocsin.notification.models import Rule
from tocsin.notification.quiet import quiet_of, save_quiet
from tocsin.notification.rule_actions import save_rules
from tocsin.notification.rules import RULE_STEPS_MAX, Step
from tocsin.notification.rules.quiet import quiet_as_data, quiet_from
from tocsin.notification.rules.self_test import Came
from tocsin.notification.self_test import SelfTest, latest, say_by_code, say_whether_it_rang
from tocsin.people.actions import ADDRESS_LENGTH_MAX, CONTACTS_MAX
from tocsin.people.contacts import prove_contact
from tocsin.people.models import Contact, User
from tocsin.people.rules import CODE_LIFE, May, Standing

CODE_LENGTH_MAX = 20

room = Room("how people are reached")


# -- contacts and rules ---------------------------------------------------------------------------------------------


class RuleStep(Sent):
    """Use this contact after that long; 0s is at once."""

    contact: Slug
    after: Duration = timedelta(0)


class ReachBody(Sent):
    """All ways to reach a person, and which are used when: `contacts` maps a name to an address."""

    contacts: Annotated[
        dict[Slug, Annotated[str, Field(max_length=ADDRESS_LENGTH_MAX)]], Field(max_length=CONTACTS_MAX)
    ]
    high: Annotated[list[RuleStep], Field(max_length=RULE_STEPS_MAX)] = []
    low: Annotated[list[RuleStep], Field(max_length=RULE_STEPS_MAX)] = []


class ContactOut(BaseModel):
    """A way to reach somebody. `state` says what it is worth: unverified ones get no pages, failing ones come last and
    count as none. `worked_at` is when a message first went there, `failing_why` what the last one met."""

    name: str
    address: str
    state: Standing
    verified_at: datetime | None
    vouched_by: str
    worked_at: datetime | None
    failing_since: datetime | None
    failing_why: str


class CodeBody(Sent):
    """The digits that were sent to the contact; spaces between them do not matter."""

    code: Annotated[str, Field(min_length=1, max_length=CODE_LENGTH_MAX)]


class CodeOut(BaseModel):
    """The code went out; it opens nothing after `expires_at`."""

    expires_at: datetime


class ReachOut(BaseModel):
    contacts: list[ContactOut]
    high: list[RuleStep]
    low: list[RuleStep]


@room.get("/users/{id}/reach", may=May.SEE, answer=ReachOut)
def show_reach(request: Asked, id: SlugInPath) -> ReachOut:
    """Your own contacts and rules; somebody else's for those who may edit people."""
    return _reach(near(request, id))


@room.put("/users/{id}/reach", may=May.OWN_PROFILE, answer=ReachOut)
def save_reach(request: Asked, id: SlugInPath, body: ReachBody) -> Status[ReachOut]:
    """Replaces the contacts and the rules. What you add for yourself is unverified until you enter the code that is
    sent there; what you write for somebody else you vouch for. An address that is left is told so."""
    user, by, now = near(request, id), request.auth.by, request.now
    rules = {
        urgency: [Step(step.contact, step.after) for step in steps]
        for urgency, steps in ((Urgency.HIGH, body.high), (Urgency.LOW, body.low))
    }
    with changing():
        save_contacts(id, body.contacts, by, now)
        save_rules(id, rules, by, now)
    return Status(200, _reach(user))


@room.post("/users/{id}/contacts/{name}/code", may=May.OWN_PROFILE, answer=CodeOut, status=202)
def send_contact_code(request: Asked, id: SlugInPath, name: SlugInPath) -> Status[CodeOut]:
    """Sends a code to a contact of your own, which proves that it is yours."""
    _must_be_own(request, id)
    send_code(id, name, request.auth.by, request.now)
    return Status(202, CodeOut(expires_at=request.now + CODE_LIFE))


@room.post("/users/{id}/contacts/{name}/verify", may=May.OWN_PROFILE, answer=ContactOut)
def verify_contact(request: Asked, id: SlugInPath, name: SlugInPath, body: CodeBody) -> ContactOut:
    """Verifies a contact of your own by the code that was sent there last. Wrong tries are counted."""
    _must_be_own(request, id)
    return _contact(prove_contact(id, name, body.code, request.auth.by, request.now))


def _must_be_own(request: Asked, user_id: str, what: str = "Nobody proves another's contact") -> None:
    if user_id != request.auth.user.pk:
        raise Refused(
            what,
            "a contact of your own",
            "Who may edit people vouches for what they write.",
            status=403,
        )


def _reach(user: User) -> ReachOut:
    steps: dict[str, list[RuleStep]] = {Urgency.HIGH: [], Urgency.LOW: []}
    for rule in Rule.objects.filter(user=user).order_by("position"):
        steps[rule.urgency].append(RuleStep(contact=rule.contact, after=rule.delay))
    return ReachOut(
        contacts=[_contact(row) for row in Contact.objects.filter(user=user)],
        high=steps[Urgency.HIGH],
        low=steps[Urgency.LOW],
    )


def _contact(row: Contact) -> ContactOut:
    return shown(ContactOut, row, state=row.as_value().standing)


# -- quiet hours ----------------------------------------------------------------------------------------------------


class QuietBody(Sent):
    """At most one of three: `hours` are windows such as {"from": "22:00", "to": "07:00"}, by the person's own clock;
    `calendar` is the id of a working calendar whose hours are quiet, `outside` of one outside whose hours it is
    quiet. Nothing of it: no quiet hours."""

    hours: Annotated[list[Data] | None, Field(max_length=WINDOWS_MAX)] = None
    calendar: Slug | None = None
    outside: Slug | None = None


@room.get("/users/{id}/quiet", may=May.SEE, answer=QuietBody)
def show_quiet(request: Asked, id: SlugInPath) -> QuietBody:
    """Your own quiet hours; somebody else's for those who may edit people."""
    return QuietBody(**quiet_as_data(quiet_of(near(request, id).pk)))


@room.put("/users/{id}/quiet", may=May.OWN_PROFILE, answer=QuietBody)
def set_quiet(request: Asked, id: SlugInPath, body: QuietBody) -> Status[QuietBody]:
    """Replaces the quiet hours. What is of low urgency waits until they end; high urgency breaks them."""
    user = near(request, id)
    quiet = quiet_from(body.model_dump(exclude_none=True), "body")
    save_quiet(user.pk, quiet, request.auth.by, request.now)
    return Status(200, QuietBody(**quiet_as_data(quiet)))


# -- the test -------------------------------------------------------------------------------------------------------


class TestedOut(BaseModel):
    """One contact. `state` says how far its message has come, `said` in words, `mend` what to do about it; `rang` is
    what its person answered, null where they did not or where nothing rings."""

    message: UUID
    contact: str
    state: Came
    said: str
    mend: str
    rings: bool
    rang: bool | None
    at: datetime | None


class TestOut(BaseModel):
    """The last test. `settled`: nothing more is waited for; `passed`: every contact is known to have been reached."""

    at: datetime
    asked_by: str
    over: bool
    settled: bool
    passed: bool
    verdict: str
    deliveries: int
    contacts: list[TestedOut]


class ReachedBody(Sent):
    """The digits that a test message says; spaces between them do not matter."""

    code: Annotated[str, Field(min_length=1, max_length=CODE_LENGTH_MAX)]


class RangBody(Sent):
    """Whether the message of a test rang."""

    rang: Annotated[bool, Field(strict=True)]


@room.post("/users/{id}/test", may=May.OWN_PROFILE, answer=TestOut)
def test_reach(request: Asked, id: SlugInPath) -> TestOut:
    """Sends a test message through every contact that is paged, at once; at most ten times in an hour."""
    near(request, id)
    test_rules(id, request.auth.by, request.now)
    return _test(id, request.now)


@room.get("/users/{id}/test", may=May.SEE, answer=TestOut)
def show_test(request: Asked, id: SlugInPath) -> TestOut:
    """What became of the last test; of somebody else's for those who may edit people."""
    near(request, id)
    return _test(id, request.now)


@room.post("/users/{id}/test/reached", may=May.OWN_PROFILE, answer=TestOut)
def say_reached(request: Asked, id: SlugInPath, body: ReachedBody) -> TestOut:
    """Says by its code that a message of a test of yours reached you."""
    _must_be_own(request, id, "Nobody says for another what reached them")
    say_by_code(id, body.code, request.auth.by, request.now)
    return _test(id, request.now)


@room.post("/users/{id}/test/messages/{message}/rang", may=May.OWN_PROFILE, answer=TestOut)
def say_rang(
    request: Asked,
    id: SlugInPath,
    message: Annotated[UUID, Path(description="As the test names it")],
    body: RangBody,
) -> TestOut:
    """Says whether a message of a test of yours rang, where it is meant to."""
    _must_be_own(request, id, "Nobody says for another what rang")
    say_whether_it_rang(id, message, body.rang, request.auth.by, request.now)
    return _test(id, request.now)


def _test(user_id: str, now: datetime) -> TestOut:
    test = latest(user_id, now)
    if test is None:
        raise not_found("test of", user_id)
    return _show_test(test)


def _show_test(test: SelfTest) -> TestOut:
    ways = [shown(TestedOut, way, message=way.delivery, state=way.came) for way in test.ways]
    return shown(TestOut, test, deliveries=len(ways), contacts=ways)
