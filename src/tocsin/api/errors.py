"""Every refusal in one form: what happened, what was expected, how to mend it, where, and the request's id."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    JsonResponse,
    RawPostDataException,
    UnreadablePostError,
)
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from pydantic import BaseModel

from tocsin.kernel.errors import Refused, not_found
from tocsin.organisation.reading import FilesRefused

PROBLEMS_MAX = 50  # listed in one answer
RETRY_AFTER_SECONDS = 2  # when the database does not answer
_log = structlog.get_logger("tocsin.api")


class What(BaseModel):
    """One refusal; `where` is a field, a parameter or a place in a file."""

    what: str
    expected: str
    mend: str
    where: str


class Problem(BaseModel):
    """The body of every answer that is not a success. `problems` lists every mistake when there are several."""

    error: What
    problems: list[What] | None = None
    request_id: str


def request_id(request: HttpRequest) -> str:
    """The name of this request in the answer and in the log."""
    given = getattr(request, "id", "")
    if not given:
        given = request.id = secrets.token_hex(8)  # type: ignore[attr-defined]
    return str(given)


class Several(Refused):
    """A refusal that has several reasons."""

    def __init__(self, error: Refused, problems: Sequence[Refused]) -> None:
        super().__init__(error.what, error.expected, error.mend, error.where, error.status)
        self.problems = problems


def _what(refused: Refused) -> What:
    return What(what=refused.what, expected=refused.expected, mend=refused.mend, where=refused.where)


def refuse(request: HttpRequest, refused: Refused) -> HttpResponse:
    """The answer that says `refused`."""
    several = [_what(problem) for problem in refused.problems] if isinstance(refused, Several) else None
    problem = Problem(error=_what(refused), problems=several, request_id=request_id(request))
    response = JsonResponse(problem.model_dump(exclude_none=True), status=refused.status)
    if refused.status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="tocsin"'
    if refused.status == 503:
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


UNKNOWN_CALLER = Refused(
    "Nobody is signed in",
    "a valid token in the header 'Authorization: Bearer …', or a signed-in session",
    "Make a token under your profile, or with: tocsin token add",
    status=401,
)


def answer_errors_of(api: NinjaAPI) -> None:
    """Give every exception that an operation may raise its answer."""
    for kind, translate in _TRANSLATIONS.items():
        api.add_exception_handler(kind, _answering(translate))
    api.add_exception_handler(Exception, _unforeseen)


def _answering(translate: Callable[[Any], Refused]) -> Callable[[HttpRequest, Any], HttpResponse]:
    return lambda request, exc: refuse(request, translate(exc))


def _unforeseen(request: HttpRequest, exc: Exception | type[Exception]) -> HttpResponse:
    """A fault of ours: the log has everything, the answer has the request id."""
    known = request_id(request)
    _log.error("request failed", request_id=known, method=request.method, path=request.path, exc_info=exc)
    return refuse(
        request,
        Refused("Something went wrong here", mend=f"Tell the administrator: request {known}.", status=500),
    )


def _http_error(exc: HttpError) -> Refused:
    # The framework wraps what our parser refuses; the cause says more than its own words.
    if isinstance(exc.__cause__, Refused):
        return exc.__cause__
    return Refused(str(exc), status=exc.status_code)


def _wrong_values(exc: ValidationError) -> Refused:
    """Every wrong field; the first speaks for all. Never the values: one of them may be a secret."""
    problems = [_wrong_value(error) for error in exc.errors]
    return problems[0] if len(problems) == 1 else Several(problems[0], problems[:PROBLEMS_MAX])


def _wrong_value(error: Mapping[str, Any]) -> Refused:
    what, expected = _in_words(error)
    return Refused(what, expected, where=_place(error["loc"]), status=422)


def _place(loc: Sequence[Any]) -> str:
    """("body", "data", "levels", 0, "timeout") -> "body.levels.0.timeout": the name of our own argument left out."""
    parts = [str(part) for part in loc]
    if len(parts) > 1 and parts[0] in ("body", "query"):
        parts = [parts[0], *(parts[2:] if len(parts) > 2 or parts[0] == "body" else parts[1:])]
    return ".".join(parts)


def _in_words(error: Mapping[str, Any]) -> tuple[str, str]:
    """What happened and what was expected, from pydantic's report of one field."""
    name, kind, context = str(error["loc"][-1]), error["type"], error.get("ctx", {})
    if kind == "missing":
        return f"'{name}' is missing" if len(error["loc"]) > 2 else "The request has no body", "a value"
    if kind == "extra_forbidden":
        return f"'{name}' is not a field here", "only the fields that the reference names"
    if kind in ("enum", "literal_error"):
        return f"'{name}' is none of the known values", str(context.get("expected", ""))
    if kind == "value_error" and isinstance(context.get("error"), ValueError):
        refused = context["error"].__cause__
        if isinstance(refused, Refused):
            return refused.what, refused.expected
    message = str(error["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    return f"'{name}' {message[:1].lower()}{message[1:]}", ""


_AWAY = Refused(
    "The database does not answer",
    mend="Do not count on anything having been done. Try again in a moment.",
    status=503,
)
_TRANSLATIONS: dict[type[Exception], Callable[[Any], Refused]] = {
    FilesRefused: lambda exc: Several(exc, exc.problems),
    Refused: lambda exc: exc,
    ValidationError: _wrong_values,
    AuthenticationError: lambda exc: UNKNOWN_CALLER,
    HttpError: _http_error,
    Http404: lambda exc: not_found("thing", "of that name"),
    RequestDataTooBig: lambda exc: Refused("The body is too large", "a smaller one", status=413),
    RawPostDataException: lambda exc: Refused(
        "The body is of another type", "Content-Type: application/json, in UTF-8", status=415
    ),
    UnreadablePostError: lambda exc: Refused("The body broke off", "all of it", "Send it again."),
    SuspiciousOperation: lambda exc: Refused("The request is malformed", "a well-formed request"),
    OperationalError: lambda exc: _AWAY,
    InterfaceError: lambda exc: _AWAY,
}
