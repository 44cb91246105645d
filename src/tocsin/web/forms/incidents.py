"""What a person says when acting on an incident: why, until when, who, how bad."""

from __future__ import annotations

from django import forms
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from tocsin.catalog.calendars import calendars
from tocsin.catalog.models import Service
from tocsin.escalation.rules import HANDOVER_LENGTH_MAX
from tocsin.incident.rules import NOTE_LENGTH_MAX, TITLE_LENGTH_MAX
from tocsin.incident.rules.snoozing import TEXT_LENGTH_MAX
from tocsin.kernel.urgency import Impact
from tocsin.people.models import User
from tocsin.people.rules import Role


def text(
    rows: int, length: int, label: str | Promise, hint: str | Promise = "", required: bool = False
) -> forms.CharField:
    """A field for prose."""
    return forms.CharField(
        label=label,  # type: ignore[arg-type]  # the stubs have a name of their own for it
        help_text=hint,  # type: ignore[arg-type]
        required=required,
        max_length=length,
        widget=forms.Textarea(attrs={"rows": rows}),
    )


class EscalateForm(forms.Form):
    what_happens = text(2, HANDOVER_LENGTH_MAX, _("What happens"))
    impact = text(2, HANDOVER_LENGTH_MAX, _("Impact"), _("Who notices, and how badly."))
    tried = text(2, HANDOVER_LENGTH_MAX, _("Tried so far"))
    help_needed = text(2, HANDOVER_LENGTH_MAX, _("Help needed"), _("What the next person should do or know."))


class SnoozeForm(forms.Form):
    until = forms.CharField(
        label=_("Until when"),
        max_length=TEXT_LENGTH_MAX,
        help_text=_("Such as 2h, 14:00, tomorrow 08:00 or: until open. At least 15 minutes, at most 7 days."),
    )


def rests() -> list[tuple[str, str]]:
    """How long people most often let an incident rest, as they are read and as they are said."""
    shown = [
        ("30m", gettext_noop("30 minutes")),
        ("2h", gettext_noop("2 hours")),
        ("8h", gettext_noop("8 hours")),
        ("tomorrow 08:00", gettext_noop("tomorrow 08:00")),
    ]
    return shown + ([("until open", gettext_noop("until work begins"))] if len(calendars()) == 1 else [])


class AssignForm(forms.Form):
    user = forms.ModelChoiceField(
        queryset=User.objects.none(), label="Who takes it", required=False, empty_label="nobody", blank=True
    )

    def __init__(self, data: QueryDict | None = None, initial: dict[str, object] | None = None) -> None:
        super().__init__(data, initial=initial)
        able = User.objects.people().filter(is_active=True).exclude(role=Role.STAKEHOLDER).order_by("name")
        self.fields["user"].queryset = able  # type: ignore[attr-defined]


class ClassifyForm(forms.Form):
    urgency = forms.ChoiceField(
        label="Urgency",
        choices=[("high", "high: wakes people"), ("low", "low: can wait")],
        help_text="How it pages.",
    )
    impact = forms.ChoiceField(
        label="Impact",
        choices=[(each.value, each.value) for each in Impact],
        help_text="How much is affected.",
    )


class NoteForm(forms.Form):
    note = text(
        4,
        NOTE_LENGTH_MAX,
        _("Note"),
        _("It stands in the timeline for everybody who may see the incident."),
        True,
    )


class RenameForm(forms.Form):
    title = forms.CharField(label="Title", max_length=TITLE_LENGTH_MAX)


class SameAsForm(forms.Form):
    incident = forms.IntegerField(label="Number of the other incident", min_value=1, max_value=2**53)


class DeclineForm(forms.Form):
    reason = text(3, NOTE_LENGTH_MAX, "Why", "Whoever reported it reads this.", True)


class ReaderForm(forms.Form):
    user = forms.ModelChoiceField(queryset=User.objects.none(), label="Person", empty_label=None)

    def __init__(self, data: QueryDict | None = None) -> None:
        super().__init__(data)
        people = User.objects.people().filter(is_active=True).order_by("name")
        self.fields["user"].queryset = people  # type: ignore[attr-defined]


class OpenForm(forms.Form):
    service = forms.ModelChoiceField(queryset=Service.objects.none(), label="Service", empty_label=None)
    title = forms.CharField(
        label="What is wrong",
        max_length=TITLE_LENGTH_MAX,
        help_text="One line, as you would say it on the phone.",
    )
    description = text(4, NOTE_LENGTH_MAX, "What is known")
    urgency = forms.ChoiceField(
        label="Urgency",
        choices=[("high", "high: pages people now"), ("low", "low: can wait")],
        initial="high",
    )
    impact = forms.ChoiceField(
        label="Impact",
        required=False,
        choices=[("", "as the service's tier says"), *((i.value, i.value) for i in Impact)],
    )
    restricted = forms.BooleanField(
        required=False,
        label="Restricted: only whom it concerns reads it",
        help_text="For security and personal data. Messages say its number alone.",
    )

    def __init__(self, data: QueryDict | None = None, initial: dict[str, object] | None = None) -> None:
        super().__init__(data, initial=initial)
        self.fields["service"].queryset = Service.objects.order_by("tier", "name")  # type: ignore[attr-defined]
