"""Tokens over REST."""

from __future__ import annotations

from datetime import datetime

from ninja import Query, Status
from pydantic import BaseModel

from tocsin.api.auth import Asked, Caller
from tocsin.api.paging import BY_NUMBER, Listing, Paged, page_of
from tocsin.api.people import near
from tocsin.api.room import Room
from tocsin.api.words import Instant, Name, RowInPath, Sent, Slug, shown
from tocsin.kernel.errors import Refused, not_found
from tocsin.people import actions
from tocsin.people.models import Token
from tocsin.people.rules import SCOPES, May, Scope

room = Room("tokens")


class TokenBody(Sent):
    """`scope`: read sees, act works on incidents, admin does all that its owner may. `user` left out: your own."""

    name: Name
    scope: Scope
    expires_at: Instant | None = None
    user: Slug | None = None


class TokenOut(BaseModel):
    """`token` is said once: in the answer that made it. Only its digest is stored."""

    id: int
    user: str
    name: str
    scope: Scope
    prefix: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    token: str | None


@room.get("/tokens", may=May.OWN_PROFILE, answer=Listing[TokenOut])
def list_tokens(request: Asked, paged: Query[Paged]) -> Listing[TokenOut]:
    """Your own; everybody's for those who may edit people. Never their texts."""
    rows = Token.objects.all()
    if May.PEOPLE not in request.auth.rights:
        rows = rows.filter(user=request.auth.user)
    return page_of(rows, paged, show_token, BY_NUMBER)


@room.post("/tokens", may=May.OWN_PROFILE, answer=TokenOut, status=201)
def add_token(request: Asked, body: TokenBody) -> TokenOut:
    """Makes a token and says it once. A token never makes one that may more than itself, or lives longer."""
    caller = request.auth
    user = near(request, body.user or caller.user.pk)
    _check_no_wider(caller, body)
    token, plain = actions.add_token(user, body.name, body.scope, body.expires_at, caller.by, request.now)
    return show_token(token, plain)


def _check_no_wider(caller: Caller, wanted: TokenBody) -> None:
    """Raises Refused when a token asks for one that may more, or that outlives it: else it could not be ended."""
    if caller.scope is not None and not SCOPES[wanted.scope] <= SCOPES[caller.scope]:
        raise Refused(
            f"A token with the scope {caller.scope} cannot make one with the scope {wanted.scope}",
            "the same scope or a narrower one",
            "Sign in, or use a token with the wider scope.",
            where="body.scope",
            status=403,
        )
    end = caller.expires_at
    if end is not None and (wanted.expires_at is None or wanted.expires_at > end):
        raise Refused(
            "A token cannot make one that outlives it",
            f"an end at or before {end.isoformat()}",
            "Sign in, or use a token that lives longer.",
            where="body.expires_at",
            status=403,
        )


@room.delete("/tokens/{id}", may=May.OWN_PROFILE)
def revoke_token(request: Asked, id: RowInPath) -> Status[None]:
    """Ends the token at once."""
    rows = Token.objects.filter(pk=id)
    if May.PEOPLE not in request.auth.rights:
        rows = rows.filter(user=request.auth.user)
    if not rows.exists():
        raise not_found("token", id)
    actions.revoke_token(id, request.auth.by, request.now)
    return Status(204, None)


def show_token(token: Token, plain: str | None = None) -> TokenOut:
    """A token, with its text when it was made just now."""
    return shown(TokenOut, token, user=token.user_id, token=plain)
