"""The audit log: what was changed in the configuration and in who has access, by whom, through what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_GET, require_POST

from tocsin.journal.actions import ORGANISATION, verify
from tocsin.journal.models import Entry, Seal
from tocsin.people.models import User
from tocsin.people.rules import May
from tocsin.web import audit_rota
from tocsin.web.guard import needs

PER_PAGE = 100
VALUE_LENGTH_MAX = 200
KINDS = {
    "access.signed_in": "signed in",
    "access.signed_out": "signed out",
    "access.password_changed": "changed their password",
    "access.two_factor_on": "turned two-factor sign-in on",
    "access.two_factor_off": "turned two-factor sign-in off",
    "access.recovery_codes_made": "made new recovery codes",
    "access.two_factor_removed": "turned two-factor sign-in off for",
    "user.link_made": "made a sign-in link for",
    "user.link_used": "used a sign-in link",
    "access.sessions_ended": "ended every session of",
    "contacts.saved": "changed the contacts of",
    "contacts.tested": "sent a test message to every contact of",
    "contacts.test_ended": "saw the test end that went to the contacts of",
    "rules.saved": "changed the rules of",
    "token.added": "made a token for",
    "token.revoked": "revoked a token of",
    "integration.rotated": "made a new key for integration",
    "provider.tested": "sent a test through provider",
    "provider.introduced": "told where to call us: provider",
    "webhook.rotated": "made a new secret for webhook",
    "webhook.old_secret_ended": "ended the old secret of webhook",
    "place.secret_rotated": "made a new signing secret for place",
    "place.old_secret_ended": "ended the old signing secret of place",
    "webhook.tested": "sent a test to webhook",
    "webhook.sent_again": "sent an event again to webhook",
    "webhook.switched_off": "switched off, as nothing arrives there, webhook",
}
CONTACTS = {
    "contact.code_made": "had a code sent to",
    "contact.code_wrong": "mistyped the code of",
    "contact.verified": "verified",
    "contact.worked": "saw a first message go to",
    "contact.failing": "found that messages do not arrive at",
    "contact.recovered": "found that messages arrive again at",
    "contact.secret_rotated": "made a new signing secret for",
    "contact.old_secret_ended": "ended the old signing secret of",
    "contact.reached": "says that a test reached them at",
    "contact.silent": "says that a test did not ring at",
}
NOUNS = (
    "service",
    "integration",
    "policy",
    "team",
    "user",
    "schedule",
    "calendar",
    "provider",
    "place",
    "webhook",
    "templates",
    "organisation",
)


@dataclass(frozen=True)
class Line:
    """One entry for the reader; `changes` are "field: before → after"."""

    seq: int
    at: datetime
    who: str
    through: str
    what: str
    changes: tuple[str, ...]
    kind: str
    hash: str


@needs(May.AUDIT)
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """The log, the newest first."""
    return _page(request)


@needs(May.AUDIT)
@require_POST
def check(request: HttpRequest) -> HttpResponse:
    """Check every chain, incidents' too, and name what does not fit."""
    return _page(request, checked=True, broken=verify(settings.CONFIG.seal_key))


def _page(request: HttpRequest, **more: Any) -> HttpResponse:
    entries = Entry.objects.filter(chain=ORGANISATION).order_by("-seq")
    before = request.GET.get("before", "")
    if before.isdecimal() and len(before) < 10:
        entries = entries.filter(seq__lt=int(before))
    rows = list(entries[: PER_PAGE + 1])
    names = dict(User.objects.values_list("pk", "name"))
    context = {
        "lines": [_line(row, names) for row in rows[:PER_PAGE]],
        "older": rows[PER_PAGE - 1].seq if len(rows) > PER_PAGE else None,
        "sealed": Seal.objects.order_by("-pk").first(),
        **more,
    }
    return render(request, "settings/audit.html", context)


def _line(row: Entry, names: Mapping[str, str]) -> Line:
    return Line(
        seq=row.seq,
        at=row.happened_at,
        who=_who(row.who, names),
        through=row.through,
        what=_what(row, names),
        changes=tuple(_changes(row.data)),
        kind=row.kind,
        hash=row.hash[:12],
    )


def _who(who: str, names: Mapping[str, str]) -> str:
    """Who did it, as a reader calls them."""
    kind, _, name = who.partition(":")
    if kind == "user":
        return names.get(name, name)
    return {"engine": "Tocsin", "cli": "The command line"}.get(who, f"{kind} {name}".strip())


def _restored(data: Mapping[str, Any]) -> str:
    made = datetime.fromisoformat(data["backup_made_at"])
    waited = "was held back" if data.get("held") else "goes out"
    return f"restored the instance from the backup of {made:%Y-%m-%d %H:%M} UTC; what waited {waited}"


def _clock_stepped(data: Mapping[str, Any]) -> str:
    seconds = float(data["seconds"])
    way = "back" if seconds < 0 else "forward"
    return f"noticed that the clock was set {way} by {abs(seconds):g} s; running timers keep their length"


SENTENCES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "instance.restored": _restored,
    "instance.clock_stepped": _clock_stepped,
    "organisation.demo": lambda data: "made the demo organisation",
    "organisation.demo_left": lambda data: "left the demo",
    "organisation.demo_returned": lambda data: "went back to the demo",
}


def _what(row: Entry, names: Mapping[str, str]) -> str:
    """The entry as the end of a sentence that begins with who did it."""
    if (sentence := SENTENCES.get(row.kind)) is not None:
        return sentence(row.data)
    if (of_rota := audit_rota.SENTENCES.get(row.kind)) is not None:
        return of_rota(row.data, names)
    if row.kind in CONTACTS:
        user = str(row.data.get("user", ""))
        why = f": {row.data['why']}" if row.data.get("why") else ""
        return f"{CONTACTS[row.kind]} the contact {row.data.get('contact')} of {names.get(user, user)}{why}"
    noun, _, verb = row.kind.partition(".")
    about = str(row.data.get("user" if noun == "token" else noun, row.data.get("user", "")))
    own = row.who == f"user:{about}"
    if row.kind in KINDS and (own or row.kind == "user.link_used"):
        return KINDS[row.kind].removesuffix(" for").removesuffix(" of")
    if row.kind in KINDS:
        return f"{KINDS[row.kind]} {names.get(about, about)}"
    if verb == "saved" and noun in NOUNS:
        done = "made" if row.data.get("new") else "changed"
        return f"{done} {'person' if noun == 'user' else noun} {names.get(about, about) if noun == 'user' else about}"
    if verb == "deleted":
        return f"deleted {noun} {about}"
    return f"{row.kind} {about}".strip()


def _changes(data: Mapping[str, Any]) -> list[str]:
    before, after = data.get("before"), data.get("after")
    if not isinstance(after, Mapping):
        return []
    if not isinstance(before, Mapping) or not before:
        return [
            f"{name}: {_short(value)}" for name, value in after.items() if value not in (None, "", [], {})
        ]
    names = dict.fromkeys([*before, *after])
    return [
        f"{name}: {_short(before.get(name))} → {_short(after.get(name))}"
        for name in names
        if before.get(name) != after.get(name) or after.get(name) == "(changed)"
    ]


def _plain(value: Any) -> str:
    """A stored value as people write it: yes and no, lists with commas, fields with colons."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return "; ".join(f"{name} {_plain(each)}" for name, each in value.items())
    if isinstance(value, list):
        joint = ", " if all(isinstance(each, str) for each in value) else " / "
        return joint.join(_plain(each) for each in value)
    return str(value)


def _short(value: Any) -> str:
    if value in (None, "", [], {}):
        return "nothing"
    text = _plain(value)
    return text if len(text) <= VALUE_LENGTH_MAX else text[:VALUE_LENGTH_MAX] + "…"


urlpatterns = [
    path("settings/audit", index, name="audit"),
    path("settings/audit/check", check, name="audit_check"),
]
