"""The types that the schemas share: ids, texts, durations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any, TypeVar

from ninja import Path
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)

from tocsin.kernel.durations import format_duration, parse_duration
from tocsin.kernel.errors import Refused
from tocsin.kernel.ids import SLUG_LENGTH_MAX

SLUG_PATTERN = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"
NAME_LENGTH_MAX = 120
DURATION_PATTERN = r"^(?=\d)(\d{1,6}d)?(\d{1,6}h)?(\d{1,6}m)?(\d{1,8}s)?$"


class Sent(BaseModel):
    """What a client sends. A field that is not declared is refused: nothing is set by accident or malice."""

    model_config = ConfigDict(extra="forbid")


M = TypeVar("M", bound=BaseModel)


def shown(answer: type[M], row: object, **other: Any) -> M:
    """An `answer` with what `row` has under the same names, and `other` for what it has not, or otherwise."""
    same = {name: getattr(row, name) for name in answer.model_fields if name not in other}
    return answer(**same, **other)


def shown_links(links: Sequence[Sequence[object]]) -> list[list[str]]:
    """Links as they are stored: [[text, address], …]."""
    return [[str(part) for part in link] for link in links]


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("should not be empty")
    return text.strip()


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    try:
        return parse_duration(value)
    except Refused as refused:
        raise ValueError(refused.what) from refused


NotBlank = AfterValidator(_not_blank)
Slug = Annotated[str, StringConstraints(pattern=SLUG_PATTERN, max_length=SLUG_LENGTH_MAX)]
SlugInPath = Annotated[
    str,
    StringConstraints(pattern=SLUG_PATTERN, max_length=SLUG_LENGTH_MAX),
    Path(description="An id, as in the file"),
]
NumberInPath = Annotated[int, Field(ge=1, lt=2**63), Path(description="The number people say: #412")]
RowInPath = Annotated[int, Field(ge=1, lt=2**63), Path(description="The number in the list")]
Name = Annotated[str, Field(min_length=1, max_length=NAME_LENGTH_MAX), NotBlank]
Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN, "examples": ["90s", "5m", "1h30m"]}),
]
Instant = AwareDatetime
Data = dict[str, Any]
