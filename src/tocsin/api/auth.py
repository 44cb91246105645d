"""Who calls, and what they may: a token's scope within its owner's role, or the signed-in session with CSRF."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.middleware.csrf import CsrfViewMiddleware

from tocsin.api.errors import UNKNOWN_CALLER
from tocsin.incident.rules.restricting import Viewer
from tocsin.kernel.acting import By, by_user
from tocsin.kernel.errors import Refused
from tocsin.people.actions import find_token
from tocsin.people.models import User
from tocsin.people.rules import SCOPES, May, Scope

SCHEME = "bearer"
TOKEN_LENGTH_MAX = 200
_SAFE = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True)
class Caller:
    """A person behind a request. `scope` and `expires_at` are the token's; None for the session in a browser."""

    user: User
    scope: Scope | None
    expires_at: datetime | None = None

    @property
    def rights(self) -> frozenset[May]:
        """Never more than the owner may at this moment."""
        role = frozenset(what for what in May if self.user.may(what))
        return role if self.scope is None else role & SCOPES[self.scope]

    @property
    def by(self) -> By:
        return by_user(self.user.pk, "api")

    @property
    def viewer(self) -> Viewer:
        """The same, as the rule sees them that says who reads what is restricted."""
        return Viewer(self.user.pk, May.READ_RESTRICTED in self.rights)

    def must(self, what: May) -> None:
        """Raises Refused (403) unless the caller may do `what`."""
        if what not in self.rights:
            whose = (
                f"a token with the scope {self.scope.value}" if self.scope else f"the role {self.user.role}"
            )
            raise Refused(f"This is not allowed for {whose}", f"the right to {what.value}", status=403)


class Asked(HttpRequest):
    """The request as an operation gets it."""

    now: datetime
    auth: Caller


def caller_of(request: HttpRequest) -> Caller:
    """The caller. Raises Refused: 401 when nobody can be told, 403 when a browser's request may be forged.

    A request with an Authorization header is judged by that alone: a bad token never falls back to a session.
    """
    header = request.headers.get("Authorization")
    if header is not None:
        return _by_token(header, request.now)  # type: ignore[attr-defined]
    user = request.user
    if not isinstance(user, User) or not user.is_active:
        raise UNKNOWN_CALLER
    if request.method not in _SAFE and _may_be_forged(request):
        raise Refused(
            "This request may have been forged by another site",
            "the header X-CSRFToken with the session's token",
            "Programs use a token: 'Authorization: Bearer …'.",
            status=403,
        )
    return Caller(user, None)


class _Csrf(CsrfViewMiddleware):
    """Django's own check, without its page."""

    def _reject(self, request: HttpRequest, reason: str) -> HttpResponseForbidden:
        return HttpResponseForbidden(reason)


def _may_be_forged(request: HttpRequest) -> bool:
    check = _Csrf(lambda request: HttpResponse())
    request.csrf_processing_done = False  # type: ignore[attr-defined]  # the views are exempt, so nobody looked yet
    check.process_request(request)
    return check.process_view(request, HttpResponse, (), {}) is not None


def _by_token(header: str, now: datetime) -> Caller:
    scheme, _, plain = header.partition(" ")
    plain = plain.strip()
    if scheme.lower() != SCHEME or not plain or len(plain) > TOKEN_LENGTH_MAX or not plain.isascii():
        raise UNKNOWN_CALLER
    token = find_token(plain, now)
    if token is None or token.scope not in list(Scope) or not token.user.is_active:
        raise UNKNOWN_CALLER
    return Caller(token.user, Scope(token.scope), token.expires_at)


class Needs:
    """What an operation needs, asked before anything of the request is read."""

    def __init__(self, may: May) -> None:
        self.may = may

    def __call__(self, request: HttpRequest) -> Caller:
        caller = caller_of(request)
        caller.must(self.may)
        return caller


def nobody(request: HttpRequest) -> None:
    """The answer to an operation that was added without saying what it needs: not allowed, for anyone."""
    raise Refused("This operation does not say who may use it", mend="Tell the administrator.", status=403)


Check = Callable[[HttpRequest], Caller | None]
