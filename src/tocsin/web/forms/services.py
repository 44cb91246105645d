"""The forms of services and of their integrations."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import QueryDict

from tocsin.catalog.actions import WORKAROUND_LENGTH_MAX
from tocsin.catalog.models import Integration, Service
from tocsin.catalog.rules import (
    GROUP_FIELDS_MAX,
    TIER_MAX,
    Grouping,
    IntegrationType,
    ServiceValue,
    UrgencyFrom,
)
from tocsin.escalation.models import Policy
from tocsin.people.models import Team
from tocsin.web.forms import DurationField, IdField, id_of

EACH, ALL, SOME = "each", "all", "some"
TIERS = {1: "1, the most critical", 2: "2", 3: "3, ordinary", 4: "4", 5: "5, the least"}
TYPES = {
    IntegrationType.ALERTMANAGER: "Prometheus or Alertmanager",
    IntegrationType.EVENTS: "Events: PagerDuty-shaped, Opsgenie-shaped, or plain JSON",
    IntegrationType.EMAIL: "E-mail: whatever can only send letters",
}


class ServiceForm(forms.Form):
    """What a service is, who answers for it, and how its alerts become incidents."""

    name = forms.CharField(max_length=120)
    id = IdField()
    description = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What it does and for whom, for the one who is woken and does not know it.",
    )
    team = forms.ChoiceField(required=False)
    policy = forms.ChoiceField(
        required=False, help_text="Who is paged, in which order. Without one, the fallback person is paged."
    )
    tier = forms.TypedChoiceField(
        coerce=int,
        choices=[(n, TIERS.get(n, str(n))) for n in range(1, TIER_MAX + 1)],
        initial=3,
        help_text="What an incident affects until somebody says otherwise; with the urgency it gives the priority.",
    )
    urgency = forms.ChoiceField(
        choices=[
            (UrgencyFrom.SEVERITY, "from the alert's severity"),
            (UrgencyFrom.HIGH, "always high"),
            (UrgencyFrom.LOW, "always low"),
        ],
        initial=UrgencyFrom.SEVERITY,
        help_text="By severity, critical and error page high, warning and info low.",
    )
    grouping = forms.ChoiceField(
        label="Alerts become incidents",
        choices=[
            (EACH, "one incident for each alert"),
            (ALL, "one incident for all alerts that come close together"),
            (SOME, "one incident for alerts whose chosen fields are equal"),
        ],
        initial=EACH,
    )
    group_by = forms.CharField(
        required=False,
        label="Chosen fields",
        help_text=f"Labels or fields of the alert, at most {GROUP_FIELDS_MAX}, with commas: alertname, cluster",
    )
    group_window = DurationField(
        required=False,
        label="Close together means within",
        help_text="Counted from the last alert that joined: 90s, 10m, 1h30m.",
    )
    resolve_delay = DurationField(
        required=False,
        label="Resolve by itself after",
        help_text="How long all its alerts must be over. Empty is at once.",
    )
    ack_timeout = DurationField(
        required=False,
        label="An acknowledgement lasts",
        help_text="Then it climbs again, so that nothing is forgotten. Empty is for ever.",
    )
    workaround = forms.CharField(
        required=False,
        max_length=WORKAROUND_LENGTH_MAX,
        label="Known workaround",
        help_text="What helps until it is mended. Every message about its incidents says it, and so does their page.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    restricted = forms.BooleanField(
        required=False,
        label="Its incidents are restricted from the start",
        help_text="For security and personal data: only whom an incident concerns reads it, and messages do not say"
        " what it is about.",
    )

    def __init__(self, data: QueryDict | None = None, *, existing: Service | None = None) -> None:
        initial = _initial(existing) if existing else {"group_window": "10m", "ack_timeout": "30m"}
        super().__init__(data, initial=initial)
        if existing:
            del self.fields["id"]
        _choices(self, "team", "no team", Team.objects.values_list("pk", "name"))
        _choices(self, "policy", "no policy yet", Policy.objects.values_list("pk", "name"))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("grouping") == SOME and not _fields(data.get("group_by", "")):
            self.add_error("group_by", "Name at least one field. Expected something like alertname, cluster.")
        missing = data.get("group_window") is None and "group_window" not in self.errors
        if missing and data.get("grouping") in (ALL, SOME):
            self.add_error("group_window", "Say how close. Expected a length such as 10m.")
        return data

    def value(self, service_id: str = "") -> ServiceValue:
        """What the form says, as the action takes it."""
        data = self.cleaned_data
        by = _fields(data["group_by"]) if data["grouping"] == SOME else ()
        grouping = None if data["grouping"] == EACH else Grouping(by, data["group_window"])
        return ServiceValue(
            id=service_id or id_of(self),
            name=data["name"],
            tier=data["tier"],
            team=data["team"] or None,
            policy=data["policy"] or None,
            urgency=UrgencyFrom(data["urgency"]),
            grouping=grouping,
            resolve_delay=data["resolve_delay"] or ServiceValue.resolve_delay,
            ack_timeout=data["ack_timeout"],
            restricted=data["restricted"],
            workaround=data["workaround"],
        )


class IntegrationForm(forms.Form):
    """A sender's way in."""

    name = forms.CharField(max_length=120, help_text="What sends: Prometheus in eu-west, nightly backup.")
    id = IdField()
    type = forms.ChoiceField(
        choices=list(TYPES.items()),
        help_text="Decides which set-up lines are shown; the key opens every way in.",
    )

    def __init__(self, data: QueryDict | None = None, *, existing: Integration | None = None) -> None:
        initial = {"name": existing.name, "type": existing.type} if existing else {}
        super().__init__(data, initial=initial)
        if existing:
            del self.fields["id"]


def _fields(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _choices(form: forms.Form, name: str, none: str, rows: Any) -> None:
    field = form.fields[name]
    assert isinstance(field, forms.ChoiceField)
    field.choices = [("", none), *rows]


def _initial(service: Service) -> dict[str, Any]:
    grouping = EACH if service.group_by is None else SOME if service.group_by else ALL
    return {
        "name": service.name,
        "description": service.description,
        "team": service.team_id,
        "policy": service.policy,
        "tier": service.tier,
        "urgency": service.urgency,
        "grouping": grouping,
        "group_by": ", ".join(service.group_by or ()),
        "group_window": service.group_window,
        "resolve_delay": service.resolve_delay,
        "ack_timeout": service.ack_timeout,
        "restricted": service.restricted,
        "workaround": service.workaround,
    }
