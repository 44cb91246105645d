"""The form of somebody's quiet hours."""

from __future__ import annotations

from datetime import time

from django import forms
from django.http import QueryDict

from tocsin.catalog.calendars import calendars
from tocsin.kernel.hours import Window
from tocsin.notification.rules.quiet import Quiet

NEVER, HOURS, OUTSIDE, WITHIN = "never", "hours", "outside", "calendar"


class QuietForm(forms.Form):
    """Never, between two times, or by a working calendar."""

    when = forms.ChoiceField(label="Quiet", widget=forms.RadioSelect)
    begins = forms.TimeField(label="From", required=False, widget=forms.TimeInput(attrs={"type": "time"}))
    ends = forms.TimeField(label="To", required=False, widget=forms.TimeInput(attrs={"type": "time"}))
    calendar = forms.ChoiceField(label="Working calendar", required=False)

    def __init__(self, data: QueryDict | None = None, *, existing: Quiet | None) -> None:
        self._existing = existing
        super().__init__(data, initial=_initial(existing))
        known = [(key, value.name or key) for key, value in sorted(calendars().items())]
        when, calendar = self.fields["when"], self.fields["calendar"]
        assert isinstance(when, forms.ChoiceField)
        assert isinstance(calendar, forms.ChoiceField)
        by_calendar = [
            (OUTSIDE, "outside the hours of a working calendar"),
            (WITHIN, "in the hours of a working calendar"),
        ]
        when.choices = [
            (NEVER, "never"),
            (HOURS, "between these times, by your clock"),
            *(by_calendar if known else []),
        ]
        calendar.choices = [("", "choose"), *known]
        if not known:
            del self.fields["calendar"]

    def clean(self) -> dict[str, object]:
        data = super().clean() or {}
        if data.get("when") == HOURS:
            for name in ("begins", "ends"):
                if data.get(name) is None and name not in self.errors:
                    self.add_error(name, "A time such as 22:00.")
        if data.get("when") in (OUTSIDE, WITHIN) and not data.get("calendar"):
            self.add_error("calendar", "Choose a calendar.")
        return data

    def value(self) -> Quiet | None:
        """What was chosen, once it is valid. Hours by day, as a file may write them, stay while their times do."""
        data = self.cleaned_data
        if data["when"] == HOURS:
            had = self._existing
            if had is not None and had.windows and (data["begins"], data["ends"]) == _times(had):
                return had
            return Quiet((Window(data["begins"], data["ends"]),))
        if data["when"] in (OUTSIDE, WITHIN):
            return Quiet(calendar=data["calendar"], outside=data["when"] == OUTSIDE)
        return None


def _initial(quiet: Quiet | None) -> dict[str, object]:
    if quiet is None:
        return {"when": NEVER, "begins": time(22), "ends": time(7)}
    if quiet.windows:
        begins, ends = _times(quiet)
        return {"when": HOURS, "begins": begins, "ends": ends}
    return {
        "when": OUTSIDE if quiet.outside else WITHIN,
        "calendar": quiet.calendar,
        "begins": time(22),
        "ends": time(7),
    }


def _times(quiet: Quiet) -> tuple[time, time]:
    return quiet.windows[0].opens, quiet.windows[0].closes
