"""People, how they are reached, teams and tokens over REST."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from django.conf import settings
from django.urls import reverse
from ninja import Query, Status
from pydantic import BaseModel, Field

from tocsin.api.auth import Asked, Caller
from tocsin.api.paging import Listing, Paged, page_of
from tocsin.api.room import Room
from tocsin.api.words import Duration, Name, Sent, Slug, SlugInPath, shown
from tocsin.escalation.policy_actions import policies_naming
from tocsin.journal.changes import changing
from tocsin.kernel.errors import Refused
from tocsin.kernel.urgency import Urgency
from tocsin.notification.actions import test_rules
from tocsin.notification.contact_actions import save_contacts, send_code
from tocsin.notification.models import Rule
from tocsin.notification.rule_actions import save_rules
from tocsin.notification.rules import RULE_STEPS_MAX, Step
from tocsin.people import actions
from tocsin.people.actions import (
    ADDRESS_LENGTH_MAX,
    CONTACTS_MAX,
    EMAIL_LENGTH_MAX,
    MEMBERS_MAX,
    SIGN_IN_LINK_LIFE,
)
from tocsin.people.contacts import prove_contact
from tocsin.people.models import Contact, Team, User
from tocsin.people.rules import CODE_LIFE, Language, May, Role, Scope, Standing

ZONE_LENGTH_MAX = 64
CODE_LENGTH_MAX = 20

room = Room("people and teams")


# -- people ---------------------------------------------------------------------------------------------------------


class UserBody(Sent):
    name: Name
    email: Annotated[str, Field(max_length=EMAIL_LENGTH_MAX)]
    timezone: Annotated[str, Field(max_length=ZONE_LENGTH_MAX)] = "UTC"
    language: Annotated[
        Language | None, Field(description="Of their messages; left out: en at first, then as it was.")
    ] = None
    role: Role = Role.RESPONDER
    active: Annotated[bool, Field(strict=True)] = True


class UserOut(BaseModel):
    """A person. `email` is shown to them and to those who may edit people."""

    id: str
    name: str
    email: str | None
    timezone: str
    language: Language
    role: Role
    active: bool


class Me(BaseModel):
    """Who asks, and what they may: the role's rights within the token's scope."""

    user: UserOut
    scope: Scope | None
    rights: list[str]


class SignInLinkOut(BaseModel):
    """Signs its person in once."""

    url: str
    expires_at: datetime


@room.get("/me", may=May.SEE, answer=Me)
def show_me(request: Asked) -> Me:
    """Who asks, and what they may."""
    caller = request.auth
    rights = sorted(right.name.lower() for right in caller.rights)
    return Me(user=show_user(caller.user, caller), scope=caller.scope, rights=rights)


@room.get("/users", may=May.SEE, answer=Listing[UserOut])
def list_users(request: Asked, paged: Query[Paged]) -> Listing[UserOut]:
    """By id; those who are switched off too, because the past names them."""
    return page_of(User.objects.people(), paged, lambda user: show_user(user, request.auth))


@room.get("/users/{id}", may=May.SEE, answer=UserOut)
def show_one_user(request: Asked, id: SlugInPath) -> UserOut:
    """One person."""
    return show_user(actions.find_user(id), request.auth)


@room.put("/users/{id}", may=May.PEOPLE, answer=UserOut)
def save_user(request: Asked, id: SlugInPath, body: UserBody) -> Status[UserOut]:
    """Adds the person, or replaces all of this about them. A change of role ends their sessions."""
    new = not User.objects.filter(pk=id).exists()
    user = actions.save_user(
        id,
        body.name,
        body.email,
        timezone=body.timezone,
        language=body.language,
        role=body.role,
        active=body.active,
        by=request.auth.by,
        now=request.now,
    )
    return Status(201 if new else 200, show_user(user, request.auth))


@room.post("/users/{id}/deactivate", may=May.PEOPLE, answer=UserOut)
def deactivate_user(request: Asked, id: SlugInPath) -> UserOut:
    """Lets the person in no more: sessions, tokens and links end."""
    return show_user(actions.deactivate_user(id, request.auth.by, request.now), request.auth)


@room.post("/users/{id}/sign-in-link", may=May.PEOPLE, answer=SignInLinkOut, status=201)
def make_sign_in_link(request: Asked, id: SlugInPath) -> SignInLinkOut:
    """A link that signs the person in once, said once: for their first time, or when they are locked out."""
    user = actions.find_user(id)
    plain = actions.make_sign_in_link(user, request.now, by=request.auth.by)
    address = settings.CONFIG.url + reverse("sign_in_link", kwargs={"token": plain})
    return SignInLinkOut(url=address, expires_at=request.now + SIGN_IN_LINK_LIFE)


def show_user(user: User, reader: Caller) -> UserOut:
    """A person; their address is for themselves and for those who may edit people."""
    near = user.pk == reader.user.pk or May.PEOPLE in reader.rights
    return shown(UserOut, user, email=user.email if near else None, active=user.is_active)


# -- how a person is reached ----------------------------------------------------------------------------------------


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


class PageOut(BaseModel):
    """The test was handed to this many contacts."""

    deliveries: int


@room.get("/users/{id}/reach", may=May.OWN_PROFILE, answer=ReachOut)
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


@room.post("/users/{id}/test", may=May.OWN_PROFILE, answer=PageOut)
def test_reach(request: Asked, id: SlugInPath) -> PageOut:
    """Sends a test message through every contact at once."""
    near(request, id)
    return PageOut(deliveries=test_rules(id, request.auth.by, request.now).deliveries.count())


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


def _must_be_own(request: Asked, user_id: str) -> None:
    if user_id != request.auth.user.pk:
        raise Refused(
            "Nobody proves another's contact",
            "a contact of your own",
            "Who may edit people vouches for what they write.",
            status=403,
        )


def near(request: Asked, user_id: str) -> User:
    """The person, when the caller is they or may edit people."""
    if user_id != request.auth.user.pk:
        request.auth.must(May.PEOPLE)
    return actions.find_user(user_id)


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


# -- teams ----------------------------------------------------------------------------------------------------------


class TeamBody(Sent):
    """Members in their order; the lead is one of them."""

    name: Name
    members: Annotated[list[Slug], Field(max_length=MEMBERS_MAX)] = []
    lead: Slug | None = None


class TeamOut(TeamBody):
    id: str


@room.get("/teams", may=May.SEE, answer=Listing[TeamOut])
def list_teams(request: Asked, paged: Query[Paged]) -> Listing[TeamOut]:
    """By id."""
    return page_of(Team.objects.prefetch_related("memberships"), paged, show_team)


@room.get("/teams/{id}", may=May.SEE, answer=TeamOut)
def show_one_team(request: Asked, id: SlugInPath) -> TeamOut:
    """One team."""
    return show_team(actions.find_team(id))


@room.put("/teams/{id}", may=May.CONFIGURE, answer=TeamOut)
def save_team(request: Asked, id: SlugInPath, body: TeamBody) -> Status[TeamOut]:
    """Makes the team, or replaces all that it says."""
    new = not Team.objects.filter(pk=id).exists()
    team = actions.save_team(id, body.name, body.members, body.lead, request.auth.by, request.now)
    return Status(201 if new else 200, show_team(team))


@room.delete("/teams/{id}", may=May.CONFIGURE)
def delete_team(request: Asked, id: SlugInPath) -> Status[None]:
    """Forgets the team. Refused while a policy names it."""
    actions.delete_team(id, request.auth.by, request.now, named_by=policies_naming(f"team:{id}"))
    return Status(204, None)


def show_team(team: Team) -> TeamOut:
    """A team, its members in their order."""
    members = sorted(team.memberships.all(), key=lambda member: member.position)
    return TeamOut(id=team.pk, name=team.name, members=[one.user_id for one in members], lead=team.lead_id)
