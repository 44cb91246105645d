"""The form of the organisation's own settings."""

from __future__ import annotations

from django import forms
from django.http import QueryDict

from tocsin.catalog.models import Organisation
from tocsin.catalog.rules import matrix_from
from tocsin.kernel.urgency import Impact, Matrix, Priority, Urgency
from tocsin.people.models import User


class OrganisationForm(forms.Form):
    """Name, fallback person, and a choice of priority for each impact and urgency."""

    name = forms.CharField(max_length=120)
    fallback = forms.ChoiceField(
        required=False,
        label="Fallback person",
        help_text="Told when a policy has come to its end or reaches nobody. Without one, every admin is told.",
    )

    def __init__(self, data: QueryDict | None = None, *, existing: Organisation) -> None:
        matrix = matrix_from(existing.matrix)
        initial = {"name": existing.name, "fallback": existing.fallback_id}
        initial |= {_field(i, u): matrix[i][u] for i in Impact for u in Urgency}
        super().__init__(data, initial=initial)
        choice = self.fields["fallback"]
        assert isinstance(choice, forms.ChoiceField)
        choice.choices = [
            ("", "every admin"),
            *User.objects.people().filter(is_active=True).values_list("pk", "name"),
        ]
        for impact in Impact:
            for urgency in Urgency:
                self.fields[_field(impact, urgency)] = forms.ChoiceField(
                    choices=[(p.value, p.value) for p in Priority],
                    label=f"{impact} impact, {urgency} urgency",
                )

    def matrix(self) -> Matrix:
        data = self.cleaned_data
        return {i: {u: Priority(data[_field(i, u)]) for u in Urgency} for i in Impact}

    def table(self) -> list[tuple[Impact, list[forms.BoundField]]]:
        """The fields of the matrix as they stand on the page: a row for each impact."""
        return [(impact, [self[_field(impact, urgency)] for urgency in Urgency]) for impact in Impact]


def _field(impact: Impact, urgency: Urgency) -> str:
    return f"matrix_{impact}_{urgency}"
