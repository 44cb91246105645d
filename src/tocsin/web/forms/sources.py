"""The forms of calendars that are kept elsewhere: where shifts, or holidays, are taken from."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict

from tocsin.channels.reach import read_target
from tocsin.kernel.errors import Refused
from tocsin.oncall.countries import countries, regions
from tocsin.oncall.ical.reading import BYTES_MAX
from tocsin.oncall.imports import ADDRESS_LENGTH_MAX, plain_address

PASTED = "pasted text"
WAYS = ("url", "file", "text")


class SourceForm(forms.Form):
    """An address, a file, or text that was copied: one of them."""

    url = forms.CharField(
        label="Address",
        required=False,
        max_length=ADDRESS_LENGTH_MAX,
        help_text="The calendar's secret address in iCal format. It is looked at every 5 minutes.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "inputmode": "url"}),
    )
    file = forms.FileField(
        label="Or a file", required=False, help_text="A file that ends in .ics, taken over once."
    )
    text = forms.CharField(
        label="Or its text",
        required=False,
        max_length=BYTES_MAX,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
    )
    ways: tuple[str, ...] = WAYS
    which = "Give one of the three: an address, a file, or its text."

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if sum(bool(data.get(name)) for name in self.ways) != 1:
            raise forms.ValidationError(self.which)
        return data

    def address(self) -> tuple[str, str]:
        """The address in its plain form, and its host; "" for none. Raises Refused for what could not be fetched."""
        text = self.cleaned_data["url"]
        if not text:
            return "", ""
        try:
            target = read_target(plain_address(text))
        except Refused as refused:
            raise Refused(
                refused.what, "an address such as https://example.com/on-call.ics", where="url"
            ) from refused
        return str(target), target.host

    def body(self) -> tuple[bytes, str]:
        """The file that was chosen, or the text, with its name. Raises Refused for one that is too large."""
        upload = self.cleaned_data["file"]
        if not isinstance(upload, UploadedFile):
            return self.cleaned_data["text"].encode(), PASTED
        if (upload.size or 0) > BYTES_MAX:
            raise Refused("The file is too large", f"at most {BYTES_MAX:,} bytes", where="file")
        return upload.read(), upload.name or "a file"


class HolidaysForm(SourceForm):
    """A country, and if need be one of its regions; or one of the ways of SourceForm."""

    country = forms.ChoiceField(required=False)
    region = forms.ChoiceField(required=False)
    field_order = ("country", "region", *WAYS)
    ways = ("country", *WAYS)
    which = "Choose one of them: a country, an address, a file, or its text."

    def __init__(self, data: QueryDict | None = None, files: Any = None, place: str = "") -> None:
        country, _, region = place.partition("/")
        super().__init__(data, files, initial={"country": country, "region": region})
        wanted = str(self["country"].value() or "")
        of_country, of_region = self.fields["country"], self.fields["region"]
        assert isinstance(of_country, forms.ChoiceField) and isinstance(of_region, forms.ChoiceField)
        of_country.choices = [("", "no country"), *countries().items()]
        of_region.choices = [("", "the whole country"), *regions(wanted).items()]
        if data is None or str(self["region"].value() or "") in dict(of_region.choices):
            return
        # A region of the country that was chosen before, which the page could not know.
        self.data = data.copy()
        self.data["region"] = ""
