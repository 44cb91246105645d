"""The one place where the clock is read. Everything below takes `now` as a value."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse


def now() -> datetime:
    """This instant, in UTC."""
    return datetime.now(UTC)


class StampNow:
    """Gives each request its instant as `request.now`, so that a page and what it does agree on the time."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.now = now()  # type: ignore[attr-defined]
        return self.get_response(request)
