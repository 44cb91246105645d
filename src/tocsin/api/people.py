"""People and teams over REST."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from django.conf import settings
from django.urls import reverse
from ninja import Query, Status
from pydantic import BaseModel, Field

from tocsin.api.auth import Asked, Caller
from tocsin.api.paging import Listing, Paged, page_of
from tocsin.api.room import Room
from tocsin.api.words import Name, Sent, Slug, SlugInPath, shown
from tocsin.escalation.policy_actions import policies_naming
from tocsin.people import actions
from tocsin.people.actions import EMAIL_LENGTH_MAX, MEMBERS_MAX, SIGN_IN_LINK_LIFE
from tocsin.people.models import Team, User
from tocsin.people.rules import Language, May, Role, Scope
from tocsin.people.saving import UserValue

ZONE_LENGTH_MAX = 64

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
    value = UserValue(body.name, body.email, body.timezone, body.language, body.role, body.active)
    user = actions.save_user(id, value, request.auth.by, request.now)
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


def near(request: Asked, user_id: str) -> User:
    """The person, when the caller is they or may edit people."""
    if user_id != request.auth.user.pk:
        request.auth.must(May.PEOPLE)
    return actions.find_user(user_id)


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
