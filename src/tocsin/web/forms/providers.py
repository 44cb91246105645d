"""The forms of accounts with vendors, made from what each vendor asks for, and of places."""

from __future__ import annotations

from django import forms
from django.http import QueryDict

from tocsin.notification.channels import ADDRESS_LENGTH_MAX
from tocsin.notification.models import Place, Provider
from tocsin.notification.providers import SETTING_LENGTH_MAX, ProviderValue, secret_names
from tocsin.notification.vendors import Field, Vendor
from tocsin.people.rules import LANGUAGES
from tocsin.web.forms import IdField, id_of

SETTING, FORGET = "settings.", "forget."


class ProviderForm(forms.Form):
    """A name, an id while it is new, and the vendor's fields. What is secret is written and never read."""

    name = forms.CharField(max_length=120)
    id = IdField()

    def __init__(
        self, data: QueryDict | None, vendor: Vendor, existing: Provider | None = None, free_id: str = ""
    ) -> None:
        self.vendor, self.existing = vendor, existing
        kept = secret_names(existing) if existing else ()
        initial: dict[str, object] = {"name": str(existing) if existing else vendor.title, "id": free_id}
        for each in vendor.fields:
            if not each.secret:
                stored = existing.settings.get(each.name, each.default) if existing else each.default
                initial[SETTING + each.name] = stored
        super().__init__(data, initial=initial)
        if existing:
            del self.fields["id"]
        elif vendor.hears:
            self.fields["id"].help_text = "Stands in the address that the vendor calls; it stays for ever."
        for each in vendor.fields:
            self.fields[SETTING + each.name] = _field(each, each.name in kept)
            if each.secret and not each.required and each.name in kept:
                self.fields[FORGET + each.name] = forms.BooleanField(
                    required=False, label=f"Forget what is kept as {each.label}"
                )

    def value(self, position: int) -> ProviderValue:
        """The provider that stands on the page, which is valid."""
        data, given = self.cleaned_data, dict[str, str | None]()
        for each in self.vendor.fields:
            typed = str(data[SETTING + each.name])
            if data.get(FORGET + each.name):
                given[each.name] = None
            elif typed or not each.secret:
                given[each.name] = typed
        if self.existing:
            return ProviderValue(
                self.existing.pk,
                self.vendor.kind,
                data["name"],
                given,
                self.existing.position,
                self.existing.enabled,
            )
        return ProviderValue(id_of(self), self.vendor.kind, data["name"], given, position)


def _field(each: Field, kept: bool) -> forms.CharField:
    plain = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}
    if not each.secret:
        return forms.CharField(
            label=each.label,
            help_text=each.help,
            required=each.required and not each.default,
            max_length=SETTING_LENGTH_MAX,
            widget=forms.TextInput(attrs=plain),
        )
    return forms.CharField(
        label=each.label,
        help_text=f"Kept; write a new one to replace it. {each.help}".strip() if kept else each.help,
        required=each.required and not kept,
        max_length=SETTING_LENGTH_MAX,
        widget=forms.PasswordInput(attrs=plain | {"autocomplete": "new-password"}),
    )


class PlaceForm(forms.Form):
    """A name, an id while it is new, where its messages go, and in which language."""

    name = forms.CharField(max_length=120)
    id = IdField()
    address = forms.CharField(
        max_length=ADDRESS_LENGTH_MAX,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}
        ),
    )

    language = forms.ChoiceField(
        choices=[("", "As Tocsin here speaks"), *LANGUAGES.items()],
        required=False,
        help_text="Of what is told there.",
    )

    def __init__(self, data: QueryDict | None, existing: Place | None = None, example: str = "") -> None:
        initial = (
            {"name": str(existing), "address": existing.address, "language": existing.language}
            if existing
            else {}
        )
        super().__init__(data, initial=initial)
        self.fields["address"].help_text = f"A chat room or a webhook: {example}."
        if existing:
            del self.fields["id"]
