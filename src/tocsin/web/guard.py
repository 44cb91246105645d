"""Who may open which address: declared beside each view, refused when it is not.

1. Every view says what it needs: `@needs(May.ACT)`, `@public` (no sign-in), or `@own_key` (the view itself
   checks a key or token). A view that says nothing answers 403, and a test walks the URLconf so that it
   never ships.
2. A request that changes something and comes from another site is refused before the view sees it.
3. Nobody signed in: pages lead to the sign-in and back; fragments answer 401.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.urls import URLPattern, URLResolver
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation.trans_real import parse_accept_lang_header

from tocsin.kernel.errors import Refused
from tocsin.people.rules import Language, May
from tocsin.people.speaking import house_language
from tocsin.web.errors import refusal

View = TypeVar("View", bound=Callable[..., Any])
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
ACCEPTED_LENGTH_MAX = 200  # of Accept-Language; what follows is not looked at
FOREIGN = frozenset({"cross-site", "same-site"})


class Open(Enum):
    """What a view may declare instead of a permission."""

    EVERYBODY = "no sign-in needed"
    OWN_KEY = "the view checks a key or token itself"


Rule = May | Open


def needs(what: May) -> Callable[[View], View]:
    """Only somebody signed in whose role may do `what` gets to the view."""

    def declare_it(view: View) -> View:
        view.guard = what  # type: ignore[attr-defined]
        return view

    return declare_it


def public(view: View) -> View:
    """Anybody gets to the view; other sites still cannot post to it."""
    view.guard = Open.EVERYBODY  # type: ignore[attr-defined]
    return view


def own_key(view: View) -> View:
    """The view opens with a key or token that it checks itself; the session is not asked."""
    view.guard = Open.OWN_KEY  # type: ignore[attr-defined]
    return view


def declare(patterns: Iterable[URLPattern | URLResolver], rule: Rule) -> list[URLPattern | URLResolver]:
    """Declare `rule` for views that somebody else wrote (allauth's, Ninja's); returns the same patterns."""
    listed = list(patterns)
    for pattern in listed:
        if isinstance(pattern, URLResolver):
            declare(pattern.url_patterns, rule)
        else:
            pattern.callback.guard = rule  # type: ignore[attr-defined]
    return listed


def declared(view: object) -> Rule | None:
    """What a view declares, or None."""
    rule = getattr(view, "guard", None)
    return rule if isinstance(rule, (May, Open)) else None


def safe_next(request: HttpRequest, given: str | None, otherwise: str = "/") -> str:
    """`given` when it leads to a page of this site, else `otherwise`: never an open redirect."""
    if given and url_has_allowed_host_and_scheme(given, allowed_hosts={request.get_host()}):
        return given
    return otherwise


class Guard:
    """Refuses what is not declared or not allowed; times are shown in the reader's zone."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            return self.get_response(request)
        finally:
            timezone.deactivate()

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: object, kwargs: object
    ) -> HttpResponse | None:
        """None when the view may answer; else the refusal, or the way to the sign-in."""
        rule = declared(view)
        if rule is None:
            return refusal(
                request, Refused("This address declares no permission", "one of people.rules.May", status=403)
            )
        if rule is Open.OWN_KEY:
            return None
        if request.method not in SAFE_METHODS and is_foreign(request):
            return refusal(
                request,
                Refused(
                    "Another website sent this",
                    "a press on a button of this site",
                    "Nothing was changed. Open the page here and press its button.",
                    status=403,
                ),
            )
        if rule is Open.EVERYBODY:
            return None
        user = request.user
        if not user.is_authenticated:
            return to_sign_in(request)
        assert isinstance(rule, May)
        if not user.may(rule):
            return refusal(
                request,
                Refused(
                    f"Your role ({user.role}) does not include: {rule.value}",
                    mend="Ask an administrator to change your role, or somebody who may to do it.",
                    status=403,
                ),
            )
        activate_zone(user.timezone)
        return None


def is_foreign(request: HttpRequest) -> bool:
    """Whether the browser says that another site made this request. Browsers set the header, pages cannot."""
    if request.headers.get("Sec-Fetch-Site") in FOREIGN:
        return True
    origin = request.headers.get("Origin")
    if not origin or "Sec-Fetch-Site" in request.headers:
        return False
    return urlsplit(origin).netloc != request.get_host()


def to_sign_in(request: HttpRequest) -> HttpResponse:
    """Leads to the sign-in and back here; a form that was sent goes back to the page it stood on."""
    back = request.get_full_path()
    if request.method not in SAFE_METHODS:
        referer = urlsplit(request.headers.get("Referer", ""))
        back = referer.path if referer.netloc == request.get_host() and referer.path else "/"
    where = f"{resolve_url(settings.LOGIN_URL)}?next={quote(back)}"
    if request.headers.get("HX-Request"):
        return HttpResponse(status=401, headers={"HX-Redirect": where})
    return HttpResponseRedirect(where)


def asked_language(request: HttpRequest) -> str:
    """The language that the browser of somebody without an account asks for first, of those that we speak."""
    asked = parse_accept_lang_header(request.headers.get("Accept-Language", "")[:ACCEPTED_LENGTH_MAX].lower())
    tags = [tag.partition("-")[0] for tag, _ in asked]
    return next((tag for tag in tags if tag in tuple(Language)), house_language())


def activate_zone(name: str) -> None:
    """Show times of this request in the zone `name`; UTC when it is unknown here."""
    try:
        timezone.activate(ZoneInfo(name))
    except (KeyError, ValueError, OSError):
        timezone.deactivate()
