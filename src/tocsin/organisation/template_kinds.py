"""Templates of messages in a file: what may stand there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tocsin.notification.rules.pieces import DEFAULT, HELP, Piece, check_piece
from tocsin.organisation.compounds import Field, Record
from tocsin.organisation.kinds import BAD, Reader
from tocsin.organisation.reading import Node
from tocsin.people.rules import Language


@dataclass(frozen=True)
class TemplateText:
    """The template of one piece."""

    piece: Piece

    def read(self, node: Node, reader: Reader, path: str) -> Any:
        """The template as `check_piece` returns it; BAD for one that could not be filled in."""
        text = reader.text(node, "a template")
        return text if text is BAD else reader.take(node, lambda: check_piece(self.piece, text))

    def schema(self) -> dict[str, Any]:
        """Text of 1 to as many characters as the piece may have."""
        return {"type": "string", "minLength": 1, "maxLength": self.piece.length_max}


WORDS = Record(
    "templates of a language",
    tuple(Field(piece.value, TemplateText(piece), HELP[piece], None, nullable=True) for piece in Piece),
)
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {name: WORDS.schema() for name in (DEFAULT, *(language.value for language in Language))},
    "additionalProperties": False,
}
