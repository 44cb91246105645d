"""The forms of overrides, cover requests and absences. Times are typed by the clocks of a zone that is named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from tocsin.kernel.errors import Refused
from tocsin.kernel.moments import parse_instant
from tocsin.kernel.spans import Span
from tocsin.kernel.zones import zone
from tocsin.oncall.rules import Mode, Override
from tocsin.oncall.rules.values import SEATS_MAX
from tocsin.people.models import User
from tocsin.people.rules import Role
from tocsin.web.forms import words
from tocsin.web.rota_words import in_field

MODES = {
    Mode.REPLACE: "comes instead of others",
    Mode.ADD: "comes as well",
    Mode.REMOVE: "goes off call, and nobody comes",
}


Choices = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class When:
    """The zones by whose clocks times can be typed, the first unless another is chosen, and what stands there at
    first; None for nothing."""

    zones: Choices
    span: Span | None = None


class MomentField(forms.CharField):
    """Date and time as the browser's own field writes them; which zone's is said by the form."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.TextInput(attrs={"type": "datetime-local", "autocomplete": "off"})
        widget.input_type = "datetime-local"
        super().__init__(max_length=40, widget=widget, **kwargs)


class SpanForm(forms.Form):
    """From, to, and whose clocks that is by."""

    start = MomentField(label="From")
    end = MomentField(label="To")
    zone = forms.ChoiceField(label="By the clocks of")

    def __init__(self, data: QueryDict | None, when: When, initial: Mapping[str, Any] | None = None) -> None:
        listed = list(dict(when.zones).items())
        here = zone(listed[0][0])
        begin = dict(initial or {})
        if when.span:
            begin |= {"start": in_field(when.span.start, here), "end": in_field(when.span.end, here)}
        super().__init__(data, initial=begin)
        field = self.fields["zone"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = listed
        if len(listed) == 1:
            field.required, field.initial = False, listed[0][0]
        self.zones = dict(listed)

    @property
    def here(self) -> ZoneInfo:
        """The zone that was chosen."""
        chosen = self["zone"].value()
        return zone(chosen if chosen in self.zones else next(iter(self.zones)))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for name in ("start", "end"):
            if data.get(name):
                data[name] = self._instant(name, data[name])
        start, end = data.get("start"), data.get("end")
        if isinstance(start, datetime) and isinstance(end, datetime) and end <= start:
            self.add_error("end", "It ends before it begins. Choose a later end.")
        return data

    def _instant(self, name: str, text: str) -> datetime | None:
        try:
            return parse_instant(text, self.here)
        except Refused as refused:
            self.add_error(name, ValidationError(words(refused)))
            return None

    def span(self) -> Span:
        return Span(self.cleaned_data["start"], self.cleaned_data["end"])


class OverrideForm(SpanForm):
    """Who comes, instead of whom or beside them, or who goes; from when to when."""

    users = forms.MultipleChoiceField(label="Who")
    mode = forms.ChoiceField(
        label="Does what", choices=list(MODES.items()), initial=Mode.REPLACE, widget=forms.RadioSelect
    )
    replaces = forms.MultipleChoiceField(
        label="Instead of", required=False, widget=forms.CheckboxSelectMultiple
    )
    field_order = ("users", "mode", "replaces", "start", "end", "zone")

    def __init__(
        self,
        data: QueryDict | None,
        when: When,
        people: Choices,
        on_it: Choices,
        initial: Mapping[str, Any],
        only: str = "",
    ) -> None:
        if data is not None:  # each turn to choose somebody that was left empty is nobody
            data = data.copy()
            data.setlist("users", [user for user in data.getlist("users") if user])
        super().__init__(data, when, initial)
        users, replaces, mode = (self.fields[name] for name in ("users", "replaces", "mode"))
        assert isinstance(users, forms.MultipleChoiceField)
        assert isinstance(replaces, forms.MultipleChoiceField) and isinstance(mode, forms.ChoiceField)
        self.people = [each for each in people if not only or each[0] == only]
        users.choices, replaces.choices = self.people, list(on_it)
        replaces.help_text = (
            "Nobody chosen: whoever is on call then, or nobody. With names, it acts only in the hours of these people, "
            "and goes along when these move."
        )
        if only:  # who may not edit the schedule puts nobody but themselves on call
            mode.choices = [(key, name) for key, name in MODES.items() if key is not Mode.REMOVE]
        self.several = not only

    def rows(self) -> list[str]:
        """Who is chosen already, with an empty turn after them to choose one more."""
        chosen = [str(user) for user in self["users"].value() or [] if user]
        return [*chosen, ""] if (self.several and len(chosen) < SEATS_MAX) or not chosen else chosen

    def value(self) -> Override:
        data = self.cleaned_data
        mode = Mode(data["mode"])
        replaces = tuple(data["replaces"]) if mode is Mode.REPLACE else ()
        return Override("", *self.span(), tuple(dict.fromkeys(data["users"])), replaces, mode)


class CoverForm(SpanForm):
    """Whom I ask to take which hours of mine."""

    asked = forms.MultipleChoiceField(
        label="Whom you ask",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Nobody chosen: whoever can. The first who accepts takes the hours.",
    )
    note = forms.CharField(
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "Why, and what to know"}),
    )
    returns_start = MomentField(label="Hours you take in return, from", required=False)
    returns_end = MomentField(label="to", required=False)
    user = forms.ChoiceField(label="Whose hours", required=False)
    field_order = ("user", "start", "end", "zone", "asked", "note")

    def __init__(
        self,
        data: QueryDict | None,
        when: When,
        people: Choices,
        reader: str,
        for_others: bool = False,
    ) -> None:
        super().__init__(data, when, {"user": reader})
        listed = list(people)
        asked, user = self.fields["asked"], self.fields["user"]
        assert isinstance(asked, forms.MultipleChoiceField) and isinstance(user, forms.ChoiceField)
        asked.choices = [each for each in listed if for_others or each[0] != reader]
        user.choices = listed
        if not for_others:
            del self.fields["user"]
        self.reader = reader

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        for name in ("returns_start", "returns_end"):
            if data.get(name):
                data[name] = self._instant(name, data[name])
        if bool(data.get("returns_start")) != bool(data.get("returns_end")):
            self.add_error("returns_end", "Hours in return have a beginning and an end. Fill both, or none.")
        return data

    @property
    def giver(self) -> str:
        return str(self.cleaned_data.get("user") or self.reader)

    def returns(self) -> Span | None:
        start, end = self.cleaned_data.get("returns_start"), self.cleaned_data.get("returns_end")
        return Span(start, end) if start and end else None


class AbsenceForm(SpanForm):
    """When I am away."""

    note = forms.CharField(
        max_length=200, required=False, help_text="For yourself and the managers; nobody else sees it."
    )
    field_order = ("start", "end", "zone", "note")


def active_people() -> list[tuple[str, str]]:
    """Everybody who can be on call."""
    able = User.objects.people().filter(is_active=True).exclude(role=Role.STAKEHOLDER)
    return list(able.order_by("name").values_list("pk", "name"))
