"""The forms of schedules and temporary schedules. Their layers are read beside them: see `layers`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from django import forms
from django.http import QueryDict

from tocsin.kernel.errors import Refused
from tocsin.kernel.spans import Span
from tocsin.kernel.zones import zone as zone_of
from tocsin.oncall.rules import Schedule, Temporary, layer_from, schedule_as_data, schedule_from
from tocsin.oncall.rules.values import SHADOWS_MAX
from tocsin.people.models import Team
from tocsin.web.forms import IdField, id_of, words
from tocsin.web.forms.layer_changes import Layers
from tocsin.web.forms.layers import LayerDraft
from tocsin.web.forms.shifts import SpanForm, When
from tocsin.web.forms.trainees import ShadowDraft
from tocsin.web.rota_words import in_field


class ScheduleForm(forms.Form):
    """Name, id, zone and team; the layers are read beside them."""

    name = forms.CharField(max_length=100)
    id = IdField()
    timezone = forms.CharField(
        label="Time zone",
        help_text="Hand-overs and hours are by its clocks, summer and winter.",
        widget=forms.TextInput(attrs={"list": "zones", "autocomplete": "off", "spellcheck": "false"}),
    )
    team = forms.ChoiceField(required=False, help_text="Who looks after it; its lead may edit it too.")

    def __init__(
        self,
        data: QueryDict | None,
        fresh: LayerDraft,
        zone: str,
        existing: Schedule | None = None,
        team: str | None = None,
    ) -> None:
        self._otherwise = zone
        initial = {"timezone": zone, "team": team}
        if existing:
            initial |= {"name": existing.name or existing.id, "timezone": existing.timezone}
        super().__init__(data, initial=initial)
        teams = self.fields["team"]
        assert isinstance(teams, forms.ChoiceField)
        teams.choices = [("", "no team"), *Team.objects.values_list("pk", "name")]
        if existing:
            del self.fields["id"]
        self.existing = existing
        begin = [LayerDraft.of(each) for each in existing.layers] if existing else [fresh]
        self.layers = Layers(begin) if data is None else Layers.read(data)
        known = existing.shadows if existing else ()
        here = zone_of(existing.timezone if existing else "UTC")
        self.shadows = [
            ShadowDraft(each.trainee, each.of, in_field(each.start, here), in_field(each.end, here))
            for each in known
        ]
        if data is not None and "shadows" in data:
            self.shadows = ShadowDraft.read(data)

    def change(self, do: str, fresh: LayerDraft) -> bool:
        """Carry out the button that was pressed; False when it is none of those that change the page."""
        verb, _, place = do.partition(":")
        if verb == "shadow" and len(self.shadows) < SHADOWS_MAX:
            self.shadows.append(ShadowDraft())
        elif verb == "shadow-remove" and place.isdecimal() and int(place[:4]) < len(self.shadows):
            del self.shadows[int(place[:4])]
        return verb in ("shadow", "shadow-remove") or self.layers.change(do, fresh)

    def value(self) -> Schedule | None:
        """The schedule that stands on the page, or None when something has to be mended (it is said beside it)."""
        if not self.is_valid():
            return None
        key = self.existing.id if self.existing else id_of(self)
        known = schedule_as_data(replace(self.existing, overrides=())) if self.existing else {}
        data = {
            **known,
            "id": key,
            "name": self.cleaned_data["name"],
            "timezone": self.cleaned_data["timezone"],
            "layers": [each.as_data() for each in self.layers.drafts],
            "shadows": [each.as_data() for each in self.shadows],
        }
        try:
            value = schedule_from(data, calendars=self.existing.calendars if self.existing else {})
        except Refused as refused:
            self._blame(refused)
            return None
        return replace(value, overrides=self.existing.overrides) if self.existing else value

    def _blame(self, refused: Refused) -> None:
        room, _, rest = refused.where.partition(".")
        number = rest.partition(".")[0]
        if self.layers.blame(refused):
            self.add_error(None, "One of the layers has to be mended.")
        elif room == "shadows" and number.isdecimal() and int(number) < len(self.shadows):
            self.shadows[int(number)].errors.append(words(refused))
            self.add_error(None, "One of the trainees has to be mended.")
        else:
            self.add_error(refused.where if refused.where in self.fields else None, words(refused))

    def draft(self) -> Schedule:
        """What of the page makes sense already, for drawing it while it is edited."""
        text = str(self["timezone"].value() or "")
        try:
            bare = schedule_from({"id": "draft", "timezone": text})
        except Refused:
            bare = Schedule("draft", self._otherwise, ())
        known = self.existing
        return replace(
            bare,
            id=known.id if known else "draft",
            layers=tuple(self.layers.values()),
            overrides=known.overrides if known else (),
            calendars=known.calendars if known else {},
        )


class TemporaryForm(SpanForm):
    """A schedule of its own for a span of `schedule`: a name, from, to; its layers are read beside."""

    name = forms.CharField(max_length=100, required=False, help_text="Why: office move, end of the year.")
    field_order = ("name", "start", "end", "zone")

    def __init__(
        self,
        data: QueryDict | None,
        fresh: LayerDraft,
        schedule: Schedule,
        zones: Iterable[tuple[str, str]],
        span: Span,
    ) -> None:
        super().__init__(data, When(zones, span))
        self.schedule, self._otherwise = schedule, span
        self.layers = Layers([fresh]) if data is None else Layers.read(data)

    def change(self, do: str, fresh: LayerDraft) -> bool:
        """Carry out the button that was pressed; False when it is none of those that change the page."""
        return self.layers.change(do, fresh)

    def value(self) -> Schedule | None:
        """The schedule with the temporary one over it, or None when something has to be mended (it is said beside
        it)."""
        if not self.is_valid():
            return None
        layers = []
        for number, draft in enumerate(self.layers.drafts):
            try:
                layers.append(layer_from(draft.as_data(), f"layers.{number}"))
            except Refused as refused:
                self.layers.blame(refused)
        if len(layers) < len(self.layers.drafts):
            self.add_error(None, "One of the layers has to be mended.")
            return None
        return self._over(Temporary("", *self.span(), tuple(layers), self.cleaned_data["name"]))

    def draft(self) -> Schedule:
        """The schedule with what of the page makes sense already."""
        span = self.span() if self.is_bound and self.is_valid() else self._otherwise
        return self._over(Temporary("", *span, tuple(self.layers.values())))

    def _over(self, made: Temporary) -> Schedule:
        return replace(self.schedule, overrides=(*self.schedule.overrides, made))


def pairs_of(data: QueryDict, but: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Everything that was typed, to be carried by a page that only shows it."""
    for name, values in data.lists():
        if name not in but:
            yield from ((name, str(value)) for value in values)
