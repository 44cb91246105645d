"""Long lists, a page at a time; the next begins after the last row of this one, whatever was added meanwhile."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from django.db.models import Model, Q, QuerySet
from pydantic import BaseModel, ConfigDict, Field

from tocsin.kernel.errors import Refused

PAGE_MAX = 200
PAGE_DEFAULT = 50
CURSOR_LENGTH_MAX = 400

Row = TypeVar("Row", bound=Model)
Item = TypeVar("Item")


class Listing(BaseModel, Generic[Item]):
    """One page; `next` goes into the parameter `cursor` to get the page after it, null on the last."""

    items: list[Item]
    next: str | None


class Paged(BaseModel):
    """The parameters of every list."""

    model_config = ConfigDict(extra="forbid")

    cursor: Annotated[str | None, Field(max_length=CURSOR_LENGTH_MAX)] = None
    limit: Annotated[int, Field(ge=1, le=PAGE_MAX)] = PAGE_DEFAULT


Key = Sequence[tuple[str, Callable[[str], Any]]]
"""The columns that order a list, together unique, each with what reads its value back from a cursor."""


def whole_number(text: str) -> int:
    """The number that `text` writes, when a database can hold it. Raises ValueError."""
    number = int(text)
    if not 0 <= number < 2**63:
        raise ValueError
    return number


def instant(text: str) -> datetime:
    """The instant that `text` writes, with its zone. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError
    return moment


BY_SLUG: Key = (("pk", str),)
BY_NUMBER: Key = (("pk", whole_number),)


def page_of(
    rows: QuerySet[Row],
    paged: Paged,
    show: Callable[[Row], Item],
    key: Key = BY_SLUG,
    newest_first: bool = False,
) -> Listing[Item]:
    """One page of `rows` in the order of `key`."""
    columns = [column for column, _ in key]
    ordered = rows.order_by(*(f"-{column}" if newest_first else column for column in columns))
    if paged.cursor is not None:
        ordered = ordered.filter(_beyond(columns, _open(paged.cursor, key), "lt" if newest_first else "gt"))
    found = list(ordered[: paged.limit + 1])
    shown = found[: paged.limit]
    more = len(found) > paged.limit
    return Listing(
        items=[show(row) for row in shown],
        next=_close([getattr(shown[-1], column) for column in columns]) if more else None,
    )


def _beyond(columns: Sequence[str], values: Sequence[Any], way: str) -> Q:
    """What comes after a row with these values: further in the first column, or level there and further in the next."""
    beyond, level = Q(), Q()
    for column, value in zip(columns, values, strict=True):
        beyond |= level & Q((f"{column}__{way}", value))
        level &= Q((column, value))
    return beyond


def _close(values: Sequence[object]) -> str:
    texts = [value.isoformat() if isinstance(value, datetime) else str(value) for value in values]
    return base64.urlsafe_b64encode(json.dumps(texts).encode()).decode().rstrip("=")


def _open(cursor: str, key: Key) -> list[Any]:
    try:
        texts = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        if not isinstance(texts, list) or not all(
            isinstance(text, str) and "\0" not in text for text in texts
        ):
            raise ValueError
        return [read(text) for text, (_, read) in zip(texts, key, strict=True)]
    except (ValueError, OverflowError, RecursionError):
        raise Refused(
            "The cursor is not one of ours",
            "what 'next' said on the page before",
            where="query.cursor",
            status=422,
        ) from None
