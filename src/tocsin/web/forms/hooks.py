"""The form of a webhook: where to, which events, of which services and teams."""

from __future__ import annotations

from django import forms
from django.http import QueryDict

from tocsin.catalog.models import Service
from tocsin.hooks.models import Hook
from tocsin.hooks.rules import EVENTS
from tocsin.hooks.saving import HookValue
from tocsin.notification.channels import ADDRESS_LENGTH_MAX
from tocsin.people.models import Team
from tocsin.web.forms import IdField

USUAL = ("incident.opened", "incident.acknowledged", "incident.resolved")  # chosen on an empty form


class HookForm(forms.Form):
    """A name, an id while it is new, the address, the events and the filters."""

    name = forms.CharField(max_length=120)
    id = IdField()
    address = forms.CharField(
        max_length=ADDRESS_LENGTH_MAX,
        help_text="It begins with https://. Each event is posted there as one signed JSON document.",
        widget=forms.URLInput(attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}),
    )
    events = forms.MultipleChoiceField(
        choices=[(name, f"{name}: {event.says}") for name, event in EVENTS.items()],
        widget=forms.CheckboxSelectMultiple,
        initial=USUAL,
        error_messages={"required": "Choose at least one event."},
    )
    services = forms.MultipleChoiceField(
        required=False, help_text="None and no team: all services. Several with Ctrl or ⌘."
    )
    teams = forms.MultipleChoiceField(required=False, help_text="All services of these teams as well.")

    def __init__(self, data: QueryDict | None, existing: Hook | None = None) -> None:
        initial = (
            {name: getattr(existing, name) for name in ("name", "address", "events", "services", "teams")}
            if existing
            else {}
        )
        super().__init__(data, initial=initial)
        self._choose("services", dict(Service.objects.order_by("name").values_list("pk", "name")), existing)
        self._choose("teams", dict(Team.objects.order_by("name").values_list("pk", "name")), existing)
        if existing:
            del self.fields["id"]

    def _choose(self, name: str, known: dict[str, str], existing: Hook | None) -> None:
        """Offer what there is, and what is kept although it is gone."""
        kept = getattr(existing, name) if existing else []
        gone = {key: f"{key} (gone)" for key in kept if key not in known}
        field = self.fields[name]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = list({**known, **gone}.items())

    def value(self, enabled: bool) -> HookValue:
        """The webhook that stands on the page, which is valid. A filter that is gone stays unless it is taken away: the
        last one that went must not make it "all"."""
        data = self.cleaned_data
        return HookValue(
            data["name"], data["address"], data["events"], data["services"], data["teams"], enabled
        )
