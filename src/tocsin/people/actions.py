"""Change people, teams and what lets them in. Each verb is one transaction and writes down what it changed.

Names and e-mail addresses are not copied into the journal, which is never deleted: it says that they changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypedDict, Unpack

from django.db.models import F, Q

from tocsin.journal.changes import changing, did, record
from tocsin.kernel.acting import ENGINE, By
from tocsin.kernel.errors import Refused, conflict, not_found
from tocsin.kernel.ids import digest, new_secret
from tocsin.people.checking import EMAIL_LENGTH_MAX as EMAIL_LENGTH_MAX  # noqa: PLC0414 - offered here too
from tocsin.people.checking import NAME_LENGTH_MAX as NAME_LENGTH_MAX  # noqa: PLC0414 - offered here too
from tocsin.people.checking import check_email as check_email  # noqa: PLC0414 - offered here too
from tocsin.people.checking import check_language as check_language  # noqa: PLC0414 - offered here too
from tocsin.people.checking import check_name as check_name  # noqa: PLC0414 - offered here too
from tocsin.people.checking import check_role as check_role  # noqa: PLC0414 - offered here too
from tocsin.people.checking import check_timezone as check_timezone  # noqa: PLC0414 - offered here too
from tocsin.people.contacts import find_contact as find_contact  # noqa: PLC0414 - offered here too
from tocsin.people.contacts import prove_contact as prove_contact  # noqa: PLC0414 - offered here too
from tocsin.people.contacts import save_contacts as save_contacts  # noqa: PLC0414 - offered here too
from tocsin.people.models import SignInLink, Team, Token, User
from tocsin.people.rules import Role, Scope
from tocsin.people.saving import ADDRESS_LENGTH_MAX as ADDRESS_LENGTH_MAX  # noqa: PLC0414 - offered here too
from tocsin.people.saving import CONTACTS_MAX as CONTACTS_MAX  # noqa: PLC0414 - offered here too
from tocsin.people.saving import MEMBERS_MAX as MEMBERS_MAX  # noqa: PLC0414 - offered here too
from tocsin.people.saving import Teams, Users, UserValue

TOKENS_MAX = 50
TOKEN_PREFIX_LENGTH = 12
LAST_USE_STEP = timedelta(minutes=1)  # how exactly a token's last use is known
SIGN_IN_LINK_LIFE = timedelta(hours=24)


# --- people ----------------------------------------------------------------------------------------------


def save_user(user_id: str, value: UserValue, by: By, now: datetime) -> User:
    """Make the person or change them. A change of role, or switching off, ends every session of theirs
    for good (User._get_session_auth_hash).

    Raises Refused for what cannot be, and when it would leave nobody who may administer.
    """
    with changing():
        saving = Users([user_id], [check_email(value.email)])
        user = saving.save(user_id, value, now)
        saving.store(by, now)
    return user


def deactivate_user(user_id: str, by: By, now: datetime) -> User:
    """Let the person in no more: sessions, tokens and sign-in links end, and nobody is paged through them.

    The row stays, because the past names it.
    """
    return change_user(user_id, by, now, active=False)


def set_role(user_id: str, role: Role | str, by: By, now: datetime) -> User:
    """Give the person another role; every session of theirs ends, so that no old one keeps the old rights."""
    return change_user(user_id, by, now, role=role)


def end_sessions(user_id: str, by: By, now: datetime) -> User:
    """End every session of the person, wherever it is; they may sign in again."""
    with changing():
        user = find_user(user_id)
        User.objects.filter(pk=user_id).update(sessions_epoch=F("sessions_epoch") + 1)
        user.refresh_from_db()
        record([did("access.sessions_ended", user=user_id)], by, now)
    return user


class UserChanges(TypedDict, total=False):
    """What may be changed about a person, by itself."""

    name: str
    email: str
    timezone: str
    language: str
    role: Role | str
    active: bool


def change_user(user_id: str, by: By, now: datetime, **changes: Unpack[UserChanges]) -> User:
    """Change what is given about the person; the rest stays as it is. Raises Refused, as `save_user` does."""
    with changing():
        user = find_user(user_id)
        there = UserValue(user.name, user.email, user.timezone, None, user.role, user.is_active)
        return save_user(user_id, replace(there, **changes), by, now)


def find_user(user_id: str) -> User:
    """The person. Raises Refused."""
    user = User.objects.filter(pk=user_id).first()
    if user is None:
        raise not_found("person", user_id)
    return user


# --- teams -----------------------------------------------------------------------------------------------


def save_team(
    team_id: str, name: str, members: Sequence[str], lead: str | None, by: By, now: datetime
) -> Team:
    """Make the team or change it; `members` keep their order. Raises Refused."""
    with changing():
        saving = Teams([team_id], members)
        team = saving.save(team_id, name, members, lead)
        saving.store(by, now)
    return team


def delete_team(team_id: str, by: By, now: datetime, *, named_by: Sequence[str]) -> None:
    """Forget the team. Refused while policies name it: `named_by` lists these (escalation knows them)."""
    if named_by:
        raise conflict(
            f"Team {team_id} is named by policy {', '.join(named_by)}", "Take it out of these policies first."
        )
    with changing():
        count, _ = Team.objects.filter(pk=team_id).delete()
        if not count:
            raise not_found("team", team_id)
        record([did("team.deleted", team=team_id)], by, now)


def find_team(team_id: str) -> Team:
    """The team. Raises Refused."""
    team = Team.objects.filter(pk=team_id).first()
    if team is None:
        raise not_found("team", team_id)
    return team


# --- tokens ----------------------------------------------------------------------------------------------


def add_token(
    user: User, name: str, scope: Scope | str, expires: datetime | None, by: By, now: datetime
) -> tuple[Token, str]:
    """Make a token for the API; its text is returned here and never again."""
    name = check_name(name)
    if scope not in list(Scope):
        raise Refused(f"{scope!r} is not a scope", f"one of {', '.join(Scope)}", where="scope")
    if expires is not None and expires <= now:
        raise Refused("The token would have expired already", "an instant in the future", where="expires")
    plain = new_secret("tok_")
    with changing():
        if not user.is_active:
            raise conflict(f"{user.name} is switched off", "Tokens are for people who may sign in.")
        if user.tokens.count() >= TOKENS_MAX:
            raise conflict(f"{user.name} has {TOKENS_MAX} tokens", "Revoke those that nobody uses.")
        token = Token.objects.create(
            user=user,
            name=name,
            scope=Scope(scope),
            prefix=plain[:TOKEN_PREFIX_LENGTH],
            digest=digest(plain),
            created_at=now,
            expires_at=expires,
        )
        record([did("token.added", user=user.pk, token=token.pk, scope=str(scope), expires=expires)], by, now)
    return token, plain


def revoke_token(token_id: int, by: By, now: datetime) -> None:
    """End the token at once."""
    with changing():
        token = Token.objects.filter(pk=token_id).first()
        if token is None:
            raise not_found("token", token_id)
        token.delete()
        record([did("token.revoked", user=token.user_id, token=token_id)], by, now)


def find_token(plain: str, now: datetime) -> Token | None:
    """The token, with its person, when it opens something at `now`; its last use is kept to the minute."""
    token = (
        Token.objects.select_related("user")
        .filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=now), digest=digest(plain), user__is_active=True
        )
        .first()
    )
    if token and (token.last_used_at is None or token.last_used_at <= now - LAST_USE_STEP):
        Token.objects.filter(pk=token.pk, last_used_at=token.last_used_at).update(last_used_at=now)
        token.last_used_at = now
    return token


# --- sign-in links ---------------------------------------------------------------------------------------


def make_sign_in_link(user: User, now: datetime, life: timedelta = SIGN_IN_LINK_LIFE, by: By = ENGINE) -> str:
    """Return the text of a link that signs `user` in once until `now + life`. Only its digest is kept."""
    plain = new_secret("in_")
    with changing():
        if not user.is_active:
            raise conflict(f"{user.name} is switched off", "Switch them on first.")
        SignInLink.objects.filter(expires_at__lte=now - SIGN_IN_LINK_LIFE).delete()
        SignInLink.objects.create(user=user, digest=digest(plain), expires_at=now + life)
        record([did("user.link_made", user=user.pk, until=now + life)], by, now)
    return plain


def find_sign_in_link(plain: str, now: datetime) -> SignInLink:
    """The link while it can still be used, without using it (what GET shows). Raises Refused."""
    link = SignInLink.objects.select_related("user").filter(digest=digest(plain)).first()
    if link is None or not link.user.is_active:
        raise _link_refused("This sign-in link is not known", 404)
    if link.used_at is not None:
        raise _link_refused("This sign-in link has been used")
    if link.expires_at <= now:
        raise _link_refused("This sign-in link has expired")
    return link


def use_sign_in_link(plain: str, now: datetime) -> User:
    """The person whom the link signs in, once. Raises Refused when it was used, has expired or never was."""
    link = find_sign_in_link(plain, now)
    with changing():
        if not SignInLink.objects.filter(pk=link.pk, used_at__isnull=True).update(used_at=now):
            raise _link_refused("This sign-in link has been used")
        record([did("user.link_used", user=link.user_id)], By(f"user:{link.user_id}", "link"), now)
    return link.user


def _link_refused(what: str, status: int = 410) -> Refused:
    return Refused(
        what,
        "a fresh link that works once",
        "Sign in with your password, or ask an admin for a new link (`tocsin user link`).",
        status=status,
    )
