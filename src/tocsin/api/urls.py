"""Every address of the API, each in our words when it refuses."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from ninja import NinjaAPI

from tocsin.api import (
    audit,
    calendars,
    catalog,
    cover,
    feeds,
    hooks,
    imports,
    incidents,
    intake,
    message_words,
    messages,
    organisation,
    people,
    policies,
    providers,
    reach,
    readiness,
    reports,
    schedules,
    tokens,
)
from tocsin.api.auth import nobody
from tocsin.api.errors import answer_errors_of, refuse
from tocsin.api.numbers import metrics
from tocsin.api.openapi import PREFIX, serve
from tocsin.api.parsing import StrictParser
from tocsin.api.reference import reference, stylesheet
from tocsin.kernel.errors import Refused

VERSION = "1"
ROOMS = (
    incidents,
    reports,
    intake,
    catalog,
    policies,
    schedules,
    cover,
    calendars,
    people,
    reach,
    tokens,
    feeds,
    imports,
    providers,
    hooks,
    message_words,
    organisation,
    readiness,
    messages,
    audit,
)

api = NinjaAPI(
    title="Tocsin",
    version=VERSION,
    description="Incidents, who is paged for them, and everything that decides it. Every refusal has the form"
    " of Problem. Lists come in pages: pass what next says as cursor, until it is null.",
    openapi_url=None,
    docs_url=None,
    urls_namespace="api",
    auth=nobody,
    parser=StrictParser(),
)
answer_errors_of(api)
for room in ROOMS:
    api.add_router("", room.room.router)


def nothing_here(request: HttpRequest, rest: str = "") -> HttpResponse:
    """The answer to an address that no operation has."""
    return refuse(
        request,
        Refused(
            f"There is nothing at {PREFIX}{rest[:100]}",
            f"one of the addresses in {PREFIX}docs",
            "Addresses end without a slash.",
            status=404,
        ),
    )


def _in_our_words(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Answer a method that the address does not have as every other refusal."""

    @wraps(view)
    def spoken(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        if response.status_code != 405:
            return response
        refused = refuse(
            request, Refused(f"{request.method} is not possible here", response["Allow"], status=405)
        )
        refused["Allow"] = response["Allow"]
        return refused

    spoken.csrf_exempt = True  # type: ignore[attr-defined]  # auth.caller_of checks it where a session is used
    return spoken


def _operations() -> list[URLPattern]:
    """Ninja's addresses without its own root page."""
    patterns = [pattern for pattern in api.urls[0] if isinstance(pattern, URLPattern)]
    return [
        path(PREFIX[1:] + str(pattern.pattern), _in_our_words(pattern.callback), name=f"api-{pattern.name}")
        for pattern in patterns
        if pattern.name != "api-root"
    ]


# The contract, for anybody: it says nothing of the instance. These stand before the others.
contract = [
    path(f"{PREFIX[1:]}openapi.json", serve(api), name="api-schema"),
    path(f"{PREFIX[1:]}docs", reference(api), name="api-docs"),
    path(f"{PREFIX[1:]}docs.css", stylesheet, name="api-docs-style"),
]
urlpatterns = [
    *_operations(),
    path(f"{PREFIX[1:]}<path:rest>", _in_our_words(nothing_here), name="api-nothing"),
    path("metrics", metrics, name="metrics"),
]
