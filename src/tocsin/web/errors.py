"""Pages that say what happened, what was expected and how to mend it. They never ask the database."""

from __future__ import annotations

from collections.abc import Callable

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext, gettext_noop, override

from tocsin.kernel.errors import Refused
from tocsin.people.rules import Language
from tocsin.people.speaking import told

TITLES = {
    400: gettext_noop("That does not work"),
    401: gettext_noop("Please sign in"),
    403: gettext_noop("You may not do this"),
    404: gettext_noop("There is nothing here"),
    405: gettext_noop("That does not work here"),
    409: gettext_noop("Not in this state"),
    410: gettext_noop("This is over"),
    422: gettext_noop("Something is missing"),
    429: gettext_noop("Too many tries"),
    500: gettext_noop("Tocsin made a mistake"),
    503: gettext_noop("The database does not answer"),
}
FIRST_SERVER_ERROR = 500


def refusal(request: HttpRequest, refused: Refused, language: str = Language.ENGLISH) -> HttpResponse:
    """The page, or the JSON when the asker wants that, for a refusal; in `language` where what was refused is known in
    it."""
    with override(language):
        return _refusal(request, refused, language)


def _refusal(request: HttpRequest, refused: Refused, language: str) -> HttpResponse:
    if request.headers.get("Accept", "").startswith("application/json"):
        body = {
            "error": told(refused.what),
            "expected": told(refused.expected),
            "mend": told(refused.mend),
            "where": refused.where,
        }
        return JsonResponse(body | {"request": request_id(request)}, status=refused.status)
    return HttpResponse(
        render_to_string(
            "error.html",
            {
                "title": gettext(TITLES.get(refused.status, TITLES[400])),
                "what": told(refused.what),
                "expected": told(refused.expected),
                "mend": told(refused.mend),
                "language": language,
                "status": refused.status,
                "server_error": refused.status >= FIRST_SERVER_ERROR,
                "request_id": request_id(request),
                "theme": theme_of(request),
                "now": getattr(request, "now", None),
            },
        ),
        status=refused.status,
    )


def request_id(request: HttpRequest) -> str:
    return str(getattr(request, "id", ""))


def theme_of(request: HttpRequest) -> str:
    """Either "light" or "dark" when somebody chose; "" follows the device."""
    chosen = request.COOKIES.get("theme", "")
    return chosen if chosen in ("light", "dark") else ""


class Explain:
    """Turns a Refused that a view let through into its page, and a database that is away into plain words."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The page for what a view raised; None for what is a fault of ours."""
        if isinstance(error, Refused):
            return refusal(request, error)
        if isinstance(error, DatabaseError):
            return refusal(request, database_away(request))
        return None


def database_away(request: HttpRequest) -> Refused:
    """What to say while the database does not answer; a sent form is told that it is not stored."""
    what = "The database does not answer"
    if request.method == "POST":
        what = "NOT DONE: what you just sent was not stored, because the database does not answer"
    return Refused(
        what, mend="Try again in a moment; if it stays so, call the person who runs Tocsin.", status=503
    )


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400, in words."""
    return refusal(
        request, Refused("The request cannot be read", "a request that a browser sends", status=400)
    )


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403, in words."""
    return refusal(request, Refused("You may not do this", mend="Sign in as somebody who may.", status=403))


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404, in words."""
    return refusal(
        request, Refused(f"No page at {request.path[:200]}", mend="Begin at the start page.", status=404)
    )


def broken(request: HttpRequest) -> HttpResponse:
    """500, in words, with a number to ask by."""
    what = "Something inside failed, and it was logged"
    if request.method == "POST":
        what += ". Do not count on what you just sent: look whether it is there"
    return refusal(
        request, Refused(what, mend="Try again; tell who runs Tocsin the number below.", status=500)
    )


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Told when the form's secret is missing or old, which happens after signing in in another tab."""
    return refusal(
        request,
        Refused(
            "This form is too old, or it was not made here",
            mend="Nothing was changed. Go back, reload the page and press again.",
            status=403,
        ),
    )
