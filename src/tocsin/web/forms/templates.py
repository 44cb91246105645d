"""The form of the organisation's own words for messages, in one language."""

from __future__ import annotations

from collections.abc import Mapping

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from tocsin.kernel.errors import Refused
from tocsin.notification.rules.pieces import Piece, check_piece
from tocsin.web.forms import words

LABELS = {
    Piece.SUBJECT: "Subject of a page",
    Piece.TEXT: "Text of a page",
    Piece.RESOLVED_SUBJECT: "Subject when it is over",
    Piece.RESOLVED_TEXT: "Text when it is over",
}
ROWS = {Piece.SUBJECT: 2, Piece.TEXT: 9, Piece.RESOLVED_SUBJECT: 2, Piece.RESOLVED_TEXT: 5}
TYPED_MAX = 20_000  # characters; what is longer than a template is refused in words


class TemplatesForm(forms.Form):
    """One field for each piece; an empty one has Tocsin's words, which stand in it in grey."""

    def __init__(
        self, data: QueryDict | None, texts: Mapping[str, str], instead: Mapping[Piece, str]
    ) -> None:
        super().__init__(data, initial=dict(texts))
        for piece in Piece:
            shown = {"spellcheck": "false", "autocapitalize": "none", "class": "mono", "rows": ROWS[piece]}
            self.fields[piece.value] = forms.CharField(
                label=LABELS[piece],
                required=False,
                strip=False,
                max_length=TYPED_MAX,
                widget=forms.Textarea(attrs={**shown, "placeholder": instead[piece]}),
            )

    def _check(self, piece: Piece) -> str:
        text = str(self.cleaned_data.get(piece, ""))
        if not text.strip():
            return ""
        try:
            return check_piece(piece, text)
        except Refused as refused:
            raise ValidationError(words(refused)) from None

    def clean(self) -> dict[str, str]:
        for piece in Piece:
            try:
                self.cleaned_data[piece.value] = self._check(piece)
            except ValidationError as error:
                self.add_error(piece.value, error)
        return self.cleaned_data

    def texts(self) -> dict[str, str]:
        """What was typed and can be read, by its piece."""
        if not self.is_bound:
            return {name: str(text) for name, text in self.initial.items()}
        self.full_clean()
        return {piece.value: text for piece in Piece if (text := self.cleaned_data.get(piece.value))}
