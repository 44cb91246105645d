"""Change people, teams and what lets them in. Each verb is one transaction and writes down what it changed.

Names and e-mail addresses are not copied into the journal, which is never deleted: it says that they changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import F, Q

from tocsin.journal.changes import did, record, saved
from tocsin.kernel.acting import ENGINE, By
from tocsin.kernel.errors import Refused, conflict, not_found
from tocsin.kernel.ids import check_slug, digest, new_secret
from tocsin.people.models import Contact, Membership, SignInLink, Team, Token, User
from tocsin.people.rules import COMMAND_LINE, Role, Scope

NAME_LENGTH_MAX = 120
EMAIL_LENGTH_MAX = 254
ADDRESS_LENGTH_MAX = 500
CONTACTS_MAX = 20
MEMBERS_MAX = 200
TOKENS_MAX = 50
TOKEN_PREFIX_LENGTH = 12
LAST_USE_STEP = timedelta(minutes=1)  # how exactly a token's last use is known
SIGN_IN_LINK_LIFE = timedelta(hours=24)
PERSONAL = ("name", "email")


# --- people ----------------------------------------------------------------------------------------------


def save_user(
    user_id: str,
    name: str,
    email: str,
    *,
    timezone: str = "UTC",
    role: Role | str = Role.RESPONDER,
    active: bool = True,
    by: By,
    now: datetime,
) -> User:
    """Make the person or change them. A change of role, or switching off, ends every session of theirs
    for good (User._get_session_auth_hash).

    Raises Refused for what cannot be, and when it would leave nobody who may administer.
    """
    check_slug(user_id, "id")
    name, email = check_name(name), check_email(email)
    role, timezone = check_role(role), check_timezone(timezone)
    with transaction.atomic():
        if User.objects.filter(email__iexact=email).exclude(pk=user_id).exists():
            raise conflict(
                f"Somebody else has the address {email}", "Every person needs an address of their own."
            )
        user = User.objects.select_for_update().filter(pk=user_id).first()
        before = _user_as_data(user) if user else None
        if user is None:
            user = User(id=user_id, created_at=now)
            user.set_unusable_password()
        user.name, user.email, user.timezone, user.role = name, email, timezone, role
        user.is_active = active
        if before and (before["role"], before["active"]) != (str(role), active):
            user.sessions_epoch += 1
        after = _user_as_data(user)
        user.save()
        if before and not active and before["active"]:
            _take_access(user)
        if (
            before
            and before["active"]
            and before["role"] == Role.ADMIN
            and (role != Role.ADMIN or not active)
        ):
            _check_admin_left()
        record(saved("user", user_id, before, after, PERSONAL), by, now)
    return user


def deactivate_user(user_id: str, by: By, now: datetime) -> User:
    """Let the person in no more: sessions, tokens and sign-in links end, and nobody is paged through them.

    The row stays, because the past names it.
    """
    return _change_user(user_id, by, now, active=False)


def set_role(user_id: str, role: Role | str, by: By, now: datetime) -> User:
    """Give the person another role; every session of theirs ends, so that no old one keeps the old rights."""
    return _change_user(user_id, by, now, role=check_role(role))


def end_sessions(user_id: str, by: By, now: datetime) -> User:
    """End every session of the person, wherever it is; they may sign in again."""
    with transaction.atomic():
        user = find_user(user_id)
        User.objects.filter(pk=user_id).update(sessions_epoch=F("sessions_epoch") + 1)
        user.refresh_from_db()
        record([did("access.sessions_ended", user=user_id)], by, now)
    return user


def _change_user(user_id: str, by: By, now: datetime, **changes: Any) -> User:
    user = find_user(user_id)
    values: dict[str, Any] = {
        "timezone": user.timezone,
        "role": user.role,
        "active": user.is_active,
    } | changes
    return save_user(user_id, user.name, user.email, **values, by=by, now=now)


def _take_access(user: User) -> None:
    user.tokens.all().delete()
    SignInLink.objects.filter(user=user, used_at__isnull=True).delete()


def _check_admin_left() -> None:
    admins = User.objects.filter(role=Role.ADMIN, is_active=True).exclude(pk=COMMAND_LINE)
    if not admins.exists():
        raise conflict("This would leave nobody who may administer", "Make somebody else an admin first.")


def _user_as_data(user: User) -> dict[str, Any]:
    return {
        "name": user.name,
        "email": user.email,
        "timezone": user.timezone,
        "role": str(user.role),
        "active": user.is_active,
    }


def find_user(user_id: str) -> User:
    """The person. Raises Refused."""
    user = User.objects.filter(pk=user_id).first()
    if user is None:
        raise not_found("person", user_id)
    return user


# --- what a person may be called, and where they live ----------------------------------------------------


def check_name(name: object, where: str = "name") -> str:
    """Return a name for the screen, without spaces around it. Raises Refused."""
    text = name.strip() if isinstance(name, str) else ""
    if not text or len(text) > NAME_LENGTH_MAX or any(ord(c) < 32 for c in text):
        raise Refused(
            f"{name!r} cannot be a name", f"1 to {NAME_LENGTH_MAX} characters on one line", where=where
        )
    return text


def check_email(email: object, where: str = "email") -> str:
    """Return the address in small letters, as it is signed in with, without spaces around it. Raises Refused."""
    text = email.strip() if isinstance(email, str) else ""
    try:
        validate_email(text)
    except ValidationError:
        text = ""
    if not text or len(text) > EMAIL_LENGTH_MAX:
        raise Refused(f"{email!r} is not an e-mail address", "something like ada@example.com", where=where)
    return text.lower()


def check_timezone(name: object, where: str = "timezone") -> str:
    """Return the IANA name. Raises Refused."""
    try:
        return ZoneInfo(str(name)).key
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        raise Refused(
            f"{name!r} is not a time zone", "an IANA name such as Europe/Madrid or UTC", where=where
        ) from None


def check_role(role: object, where: str = "role") -> Role:
    """Return the role. Raises Refused."""
    if role not in list(Role):
        raise Refused(f"{role!r} is not a role", f"one of {', '.join(Role)}", where=where)
    return Role(str(role))


# --- contacts --------------------------------------------------------------------------------------------


def save_contacts(
    user_id: str,
    contacts: Mapping[str, str],
    by: By,
    now: datetime,
    *,
    check_address: Callable[[str], str],
) -> list[Contact]:
    """Make these all the person's ways to be reached; an address that changed has to be verified anew.

    `check_address` returns the plain form of an address or raises Refused; the channels know, and live above.
    """
    if len(contacts) > CONTACTS_MAX:
        raise Refused(f"{len(contacts)} contacts", f"at most {CONTACTS_MAX}", where="contacts")
    plain: dict[str, str] = {}
    for name, address in contacts.items():
        check_slug(name, "contacts")
        plain[name] = check_address(address)
        if len(plain[name]) > ADDRESS_LENGTH_MAX:
            raise Refused(f"The address of {name} is too long", f"at most {ADDRESS_LENGTH_MAX} characters")
    with transaction.atomic():
        find_user(user_id)
        before = dict(Contact.objects.filter(user_id=user_id).values_list("name", "address"))
        Contact.objects.filter(user_id=user_id).exclude(name__in=plain).delete()
        for name, address in plain.items():
            if before.get(name) != address:
                Contact.objects.update_or_create(
                    user_id=user_id, name=name, defaults={"address": address, "verified_at": None}
                )
        if before != plain:
            # An address may itself be a secret (a webhook's is): only its scheme and its print are written.
            traces = [{name: _trace(address) for name, address in each.items()} for each in (before, plain)]
            record([did("contacts.saved", user=user_id, before=traces[0], after=traces[1])], by, now)
        return list(Contact.objects.filter(user_id=user_id))


def _trace(address: str) -> str:
    return f"{address.partition(':')[0]}:#{digest(address)[:8]}"


# --- teams -----------------------------------------------------------------------------------------------


def save_team(
    team_id: str, name: str, members: Sequence[str], lead: str | None, by: By, now: datetime
) -> Team:
    """Make the team or change it; `members` keep their order. Raises Refused."""
    check_slug(team_id, "id")
    name = check_name(name)
    members = list(dict.fromkeys(members))
    if len(members) > MEMBERS_MAX:
        raise Refused(f"{len(members)} members", f"at most {MEMBERS_MAX}", where="members")
    if lead and lead not in members:
        raise Refused(
            f"The lead {lead} is not a member", "one of the members", "Add them to the members.", where="lead"
        )
    with transaction.atomic():
        known = set(User.objects.filter(pk__in=members).values_list("pk", flat=True))
        for member in members:
            if member not in known:
                raise Refused(f"No person '{member}'", "ids of people", where="members")
        team = Team.objects.select_for_update().filter(pk=team_id).first()
        before = _team_as_data(team) if team else None
        after = {"name": name, "members": members, "lead": lead or None}
        if before == after and team:
            return team
        team = team or Team(id=team_id)
        team.name, team.lead_id = name, lead or None
        team.save()
        Membership.objects.filter(team=team).delete()
        Membership.objects.bulk_create(
            Membership(team=team, user_id=member, position=n) for n, member in enumerate(members)
        )
        record(saved("team", team_id, before, after), by, now)
    return team


def delete_team(team_id: str, by: By, now: datetime, *, named_by: Sequence[str]) -> None:
    """Forget the team. Refused while policies name it: `named_by` lists these (escalation knows them)."""
    if named_by:
        raise conflict(
            f"Team {team_id} is named by policy {', '.join(named_by)}", "Take it out of these policies first."
        )
    with transaction.atomic():
        count, _ = Team.objects.filter(pk=team_id).delete()
        if not count:
            raise not_found("team", team_id)
        record([did("team.deleted", team=team_id)], by, now)


def _team_as_data(team: Team) -> dict[str, Any]:
    members = list(team.memberships.order_by("position").values_list("user_id", flat=True))
    return {"name": team.name, "members": members, "lead": team.lead_id}


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
    with transaction.atomic():
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
    with transaction.atomic():
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
    with transaction.atomic():
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
    with transaction.atomic():
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
