"""How long a session lasts, which ones a person has, and how they end.

Idle 12 h and absolute 14 d are kept here; a change of password, role, activity or epoch ends sessions by itself,
because the hash that each of them carries (people.models.User) no longer matches.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from allauth.usersessions.models import UserSession
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, get_user, logout
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.http import HttpRequest, HttpResponse

from tocsin.journal.changes import changing
from tocsin.kernel.acting import By
from tocsin.people.actions import end_sessions
from tocsin.people.models import User

IDLE_MAX = timedelta(hours=12)
ABSOLUTE_MAX = timedelta(days=14)
SEEN_EVERY = timedelta(minutes=5)  # a session is written at most this often for having been used
SWEEP_MAX = 500
BEGAN, SEEN = "began", "seen"
UNKNOWN_LENGTH_MAX = 60
# The first sign that is found counts: many browsers name others as well.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
)
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("CrOS", "Chromebook"),
    ("Linux", "Linux"),
)


def begin(session: SessionBase, now: datetime) -> None:
    """Count both limits of `session` from `now`."""
    session[BEGAN] = session[SEEN] = now.isoformat()


def is_over(session: SessionBase, now: datetime) -> bool:
    """Whether one of the limits has passed; a session without marks has not begun."""
    began, seen = session.get(BEGAN), session.get(SEEN)
    if not began or not seen:
        return False
    age, idle = now - datetime.fromisoformat(began), now - datetime.fromisoformat(seen)
    return age >= ABSOLUTE_MAX or idle >= IDLE_MAX


def person_of(session_key: str, now: datetime) -> User | None:
    """Whose session this is at `now`, for the live stream, which has no Django request."""
    request = HttpRequest()
    request.session = SessionStore(session_key)
    if is_over(request.session, now):
        return None
    user = get_user(request)
    return user if isinstance(user, User) else None


class SessionLimits:
    """Ends a session that is too old or was left alone too long; the person then signs in again."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        session, now = request.session, request.now  # type: ignore[attr-defined]
        if SESSION_KEY in session:
            if is_over(session, now):
                logout(request)
            elif BEGAN not in session:
                begin(session, now)
            elif now - datetime.fromisoformat(session[SEEN]) >= SEEN_EVERY:
                session[SEEN] = now.isoformat()
                UserSession.objects.filter(session_key=session.session_key).update(last_seen_at=now)
        return self.get_response(request)


def forget_expired(now: datetime) -> int:
    """Drop sessions that nobody can use any more, at most `SWEEP_MAX`; returns how many. Called at each sign-in,
    which is what makes sessions."""
    keys = list(Session.objects.filter(expire_date__lte=now).values_list("pk", flat=True)[:SWEEP_MAX])
    UserSession.objects.filter(session_key__in=keys).delete()
    Session.objects.filter(pk__in=keys).delete()
    return len(keys)


def sessions_of(user: User) -> list[UserSession]:
    """The open sessions of `user`, the last used first; what has ended meanwhile is swept away."""
    return sorted(UserSession.objects.purge_and_list(user), key=lambda s: s.last_seen_at, reverse=True)


def browser_of(user_agent: str) -> str:
    """What somebody would call the browser: "Firefox on Android"; a cut of the text when nothing is known in it."""
    name = next((name for sign, name in BROWSERS if sign in user_agent), "")
    system = next((name for sign, name in SYSTEMS if sign in user_agent), "")
    return f"{name} on {system}" if name and system else name or user_agent[:UNKNOWN_LENGTH_MAX] or "unknown"


def end_session(user: User, row_id: int) -> None:
    """End one session of `user`; nothing happens when it is not theirs or is gone."""
    for row in UserSession.objects.filter(user=user, pk=row_id):
        row.end()


def sign_out_everywhere(user: User, by: By, now: datetime, but: SessionBase | None = None) -> None:
    """End every session of `user`, those too that no list shows; `but` goes on."""
    with changing():
        fresh = end_sessions(user.pk, by, now)
        for row in UserSession.objects.filter(user=user).exclude(session_key=but.session_key if but else ""):
            row.end()
    if but is not None:
        but[HASH_SESSION_KEY] = fresh.get_session_auth_hash()
