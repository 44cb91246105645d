"""Reads bodies and query strings strictly, so that no operation ever sees what it could misread."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from email.message import Message
from typing import Any, NoReturn

from django.http import HttpRequest, QueryDict
from django.utils.datastructures import MultiValueDict
from ninja.parser import Parser

from tocsin.kernel.errors import Refused

BODY_BYTES_MAX = 2 * 1024 * 1024  # an organisation file of thousands of people
DEPTH_MAX = 32


class StrictParser(Parser):
    """JSON in UTF-8 alone: no other media type, no NaN, no repeated names, no deep nests, no unstorable text."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        """The one JSON document of the body. Raises Refused for what is none, or could be misread."""
        _check_media_type(request)
        if len(request.body) > BODY_BYTES_MAX:
            raise Refused("The body is too large", f"at most {BODY_BYTES_MAX} bytes", status=413)
        try:
            data = json.loads(
                request.body.decode(),
                parse_constant=_not_json,
                parse_float=_finite,
                object_pairs_hook=_once_each,
            )
        except json.JSONDecodeError as error:
            place = f"line {error.lineno}, column {error.colno}"
            raise Refused(f"The body is not JSON: {error.msg}", "a JSON object", where=place) from None
        except UnicodeDecodeError as error:
            raise Refused("The body is not UTF-8", "JSON in UTF-8", where=f"byte {error.start}") from None
        except RecursionError:
            raise _too_deep() from None
        except ValueError:
            raise Refused(
                "The body holds a number that is too long", "numbers of at most 4300 digits"
            ) from None
        _check_texts(data)
        return data  # type: ignore[no-any-return]

    def parse_querydict(
        self, data: MultiValueDict[str, Any], list_fields: list[str], request: HttpRequest
    ) -> dict[str, Any]:
        for name, values in data.lists():
            _check_texts([name, values])
        return super().parse_querydict(data, list_fields, request)


def refuse_unknown(request: HttpRequest, known: Sequence[str]) -> None:
    """Raises Refused when the query string names a parameter that the operation does not have."""
    query: QueryDict = request.GET
    for name in query:
        if name not in known:
            takes = ", ".join(known) if known else "no parameters"
            raise Refused(f"'{name[:64]}' is not a parameter here", takes, where="query", status=422)


def refuse_body(request: HttpRequest) -> None:
    """Raises Refused when something was sent to an operation that takes nothing; `{}` counts as nothing."""
    if request.body.strip() not in (b"", b"{}"):
        raise Refused("This operation takes no body", "an empty body", where="body", status=422)


def _check_media_type(request: HttpRequest) -> None:
    header = Message()
    header["Content-Type"] = request.META.get("CONTENT_TYPE", "")
    charset = header.get_content_charset("utf-8")
    if header.get_content_type() != "application/json" or charset not in ("utf-8", "utf8", "us-ascii"):
        raise Refused("The body is of another type", "Content-Type: application/json, in UTF-8", status=415)
    if request.headers.get("Content-Encoding", "identity").lower() not in ("identity", ""):
        raise Refused("The body is compressed", "a body without Content-Encoding", status=415)


def _check_texts(data: object) -> None:
    """Raises Refused for what JSON allows and a database does not: NUL, halves of surrogate pairs; and for depth."""
    waiting: list[tuple[object, int]] = [(data, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > DEPTH_MAX:
            raise _too_deep()
        if isinstance(value, str):
            if "\0" in value or not _whole(value):
                raise Refused(
                    "A text holds a character that cannot be stored", "text without NUL", status=422
                )
        elif isinstance(value, dict):
            waiting += [(part, depth + 1) for pair in value.items() for part in pair]
        elif isinstance(value, list):
            waiting += [(part, depth + 1) for part in value]


def _whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _too_deep() -> Refused:
    return Refused("The body is nested too deeply", f"at most {DEPTH_MAX} levels")


def _not_json(name: str) -> NoReturn:
    raise Refused(f"The body holds {name}, which is not JSON", "a number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise Refused("The body holds a number that is too large", "a finite number")
    return number


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):
        raise Refused("The body names a field twice", "each field once")
    return data
