"""The organisation's own words for messages, as they are stored: one set of templates per language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from tocsin.catalog.actions import per_configuration
from tocsin.journal.actions import Fact
from tocsin.journal.changes import changing, did, record, saved
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused, not_found
from tocsin.notification.models import Templates as Row
from tocsin.notification.rules.pieces import Broken, Piece, Wordings, check_piece, check_place, read_piece
from tocsin.notification.rules.templates import Template


@per_configuration
def wordings() -> Wordings:
    """What messages are made from, read once per version of the configuration."""
    return {row.pk: read_wording(row.pieces) for row in Row.objects.all()}


def read_wording(texts: Mapping[str, str]) -> dict[Piece, Template | Broken]:
    """The templates of one language, each read; a piece that this version does not know is left out."""
    known = {piece.value: piece for piece in Piece}
    return {known[name]: read_piece(known[name], text) for name, text in texts.items() if name in known}


def broken() -> list[tuple[str, Piece, str]]:
    """The stored templates that cannot be read any more: language, piece and why. Tocsin's words stand in for them."""
    return [
        (language, piece, found.why)
        for language, wording in sorted(wordings().items())
        for piece, found in wording.items()
        if isinstance(found, Broken)
    ]


def texts_of(language: str) -> dict[str, str]:
    """The templates of one language by their piece; {} where it has none. Raises Refused for no language of ours."""
    row = Row.objects.filter(pk=check_place(language)).first()
    return dict(row.pieces) if row is not None else {}


def check_texts(texts: Mapping[str, str]) -> dict[str, str]:
    """Templates by their piece in their plain form. Raises Refused, at the piece, for the first that has a mistake."""
    known = {piece.value: piece for piece in Piece}
    plain: dict[str, str] = {}
    for name in sorted(texts):
        if name not in known:
            raise Refused(f"Messages have no '{name[:60]}'", f"one of {', '.join(known)}", where=name[:60])
        try:
            plain[name] = check_piece(known[name], texts[name])
        except Refused as refused:
            refused.where = name
            raise
    return {piece.value: plain[piece] for piece in Piece if piece in plain}


def save_templates(language: str, texts: Mapping[str, str], by: By, now: datetime) -> Row:
    """Make these the templates of a language, or of `default`; a piece that is left out has Tocsin's words. Raises
    Refused."""
    with changing():
        saving = TemplateChanges([language])
        row = saving.save(language, texts)
        saving.store(by, now)
    return row


def delete_templates(language: str, by: By, now: datetime) -> None:
    """Go back to the default templates in this language, or to Tocsin's words. Raises Refused when it has none."""
    with changing():
        gone, _ = Row.objects.filter(pk=check_place(language)).delete()
        if not gone:
            raise not_found("templates", language)
        record([did("templates.deleted", templates=language)], by, now)


class TemplateChanges:
    """Changes to the templates of `languages`: `save` decides about one, `store` writes all. Inside one transaction of
    the caller's."""

    def __init__(self, languages: Iterable[str]) -> None:
        self._rows = Row.objects.select_for_update().order_by("pk").in_bulk(list(languages))
        self._changed: dict[str, Row] = {}
        self._facts: list[Fact] = []

    def save(self, language: str, texts: Mapping[str, str]) -> Row:
        """Make these the templates of the language. Raises Refused."""
        row = self._rows.get(check_place(language))
        plain = check_texts(texts)
        if not plain:
            raise Refused("No piece of a message is given", f"one of {', '.join(Piece)}", where="subject")
        before = dict.fromkeys(Piece, "") | row.pieces if row is not None else None
        if row is None:
            row = self._rows[language] = Row(language=language)
        row.pieces = plain
        self._changed[language] = row
        self._facts += saved("templates", language, before, dict.fromkeys(Piece, "") | plain)
        return row

    def store(self, by: By, now: datetime) -> None:
        """Write."""
        for row in self._changed.values():
            row.save()
        record(self._facts, by, now)
