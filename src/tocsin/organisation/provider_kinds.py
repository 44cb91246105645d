"""Accounts with vendors, and places, in a file: what may stand there, and what it means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tocsin.kernel.errors import Refused
from tocsin.kernel.ids import digest
from tocsin.notification.models import Place, Provider
from tocsin.notification.providers import SETTING_LENGTH_MAX, check_provider, secrets_of, vendor_of
from tocsin.notification.providers import ProviderValue as ProviderValue  # noqa: PLC0414 - offered here too
from tocsin.notification.vendors import vendors
from tocsin.organisation.compounds import read_entries
from tocsin.organisation.kinds import BAD, Reader, nearest
from tocsin.organisation.outside import OUTSIDE_NAME_LENGTH_MAX, WAYS, Outside, read_value
from tocsin.organisation.reading import Node
from tocsin.organisation.rules import SECRET, Declared

SETTINGS_MAX = 50
ELSEWHERE = "sealed under another key"  # stands for a secret that cannot be opened, and equals none


@dataclass(frozen=True)
class VendorKind:
    """What a vendor is called in files."""

    words: str = "the name of a vendor"

    def read(self, node: Node, reader: Reader, path: str) -> Any:
        """The vendor's name, as text; BAD with the nearest one for a name that this version does not know."""
        text = reader.text(node, self.words)
        if text is BAD or text in vendors():
            return text
        known = sorted(vendors())
        expected = f"one of {', '.join(known)}" if known else "a vendor; this version has none"
        return reader.wrong(node, f"No vendor {node.shown}", expected, nearest(text, known))

    def schema(self) -> dict[str, Any]:
        """The names that this version knows."""
        known = sorted(vendors())
        return {"enum": known} if known else {"type": "string"}


@dataclass(frozen=True)
class Settings:
    """The settings of an account, by the names of its vendor's fields."""

    def read(self, node: Node, reader: Reader, path: str) -> Any:
        """A dict from the names of fields to text or to Outside, where the text lies elsewhere; BAD when one value is,
        or there are more than SETTINGS_MAX. Which fields the vendor has is checked later, when its name is known
        too."""
        entries = read_entries(node, reader, "the settings of its vendor")
        if entries is BAD:
            return BAD
        if len(entries) > SETTINGS_MAX:
            return reader.wrong(node, f"There are {len(entries)} settings", f"at most {SETTINGS_MAX}")
        read: dict[str, Any] = {}
        for name, (key, value) in entries.items():
            reader.places[f"{path}.{name}"] = key.where
            read[name] = read_value(value, reader)
        return BAD if any(value is BAD for value in read.values()) else read

    def schema(self) -> dict[str, Any]:
        """An object of texts, each of which may name where it lies instead."""
        text = {"type": "string", "maxLength": SETTING_LENGTH_MAX}
        ways = [
            {
                "type": "object",
                "properties": {way: {"type": "string", "minLength": 1, "maxLength": OUTSIDE_NAME_LENGTH_MAX}},
                "required": [way],
                "additionalProperties": False,
            }
            for way in WAYS
        ]
        return {
            "type": "object",
            "additionalProperties": {"anyOf": [text, {"type": "null"}, *ways]},
            "maxProperties": SETTINGS_MAX,
        }


# --- what is declared ---------------------------------------------------------------------------------------


def provider_declared(
    data: dict[str, Any], outside: Mapping[str, str] | None
) -> tuple[dict[str, Any], dict[str, str | None], bool, list[Refused]]:
    """The provider in its plain form, its secrets in plain text, whether everything was read, and what is wrong, at
    dotted paths.

    `outside` holds what lies outside the files; with None nobody has looked, and it stays as it is.
    """
    vendor = vendor_of(data["vendor"])
    fields = {each.name: each for each in vendor.fields}
    problems: list[Refused] = []
    said: dict[str, str | None] = {}
    whole = True
    for name, value in data["settings"].items():
        if name not in fields:
            expected = f"one of {', '.join(fields)}" if fields else "no settings"
            what = f"{vendor.title} has no setting '{name[:60]}'"
            problems.append(Refused(what, expected, nearest(name, fields), f"settings.{name}"))
        elif not isinstance(value, Outside):
            said[name] = value
        elif outside is None:
            whole = False
        elif str(value) in outside:
            said[name] = outside[str(value)].strip()
        else:
            problems.append(_not_given(name, value))
    secrets = {name: value for name, value in said.items() if fields[name].secret}
    plain = {name: said.get(name) or each.default for name, each in fields.items() if not each.secret}
    prints = {f"{SECRET}{name}": digest(value) if value else None for name, value in secrets.items()}
    return {**data, "settings": plain, **prints}, secrets, whole, problems


def _not_given(name: str, value: Outside) -> Refused:
    what = "the variable" if value.way == "env" else "the file"
    return Refused(
        f"{name} lies in {what} '{value.name[:200]}', and nobody has read it",
        "the value itself",
        "Apply the file with `tocsin apply` where it lies; or leave the setting out to keep the one there is.",
        f"settings.{name}",
    )


def provider_data(row: Provider) -> dict[str, Any]:
    """A provider in the words of the file, its secrets as prints."""
    vendor = vendors().get(row.vendor)
    defaults = {each.name: each.default for each in vendor.fields if not each.secret} if vendor else {}
    secrets = {
        f"{SECRET}{name}": ELSEWHERE if plain is None else digest(plain)
        for name, plain in secrets_of(row).items()
    }
    return {
        "vendor": row.vendor,
        "name": str(row),
        "position": row.position,
        "enabled": row.enabled,
        "settings": {**defaults, **row.settings},
        **secrets,
    }


def without_defaults(data: Mapping[str, Any]) -> dict[str, Any]:
    """A provider's settings that are not as the vendor has them anyway."""
    vendor = vendors().get(data["vendor"])
    defaults = {each.name: each.default for each in vendor.fields} if vendor else {}
    return {name: value for name, value in data["settings"].items() if value != defaults.get(name, "")}


def place_data(row: Place) -> dict[str, Any]:
    """A place in the words of the file."""
    return {"name": str(row), "address": row.address, "language": row.language}


def value_of(each: Declared) -> ProviderValue:
    """The provider that a file declares."""
    data = each.data
    given = {**data["settings"], **each.secrets}
    return ProviderValue(each.id, data["vendor"], data["name"], given, data["position"], data["enabled"])


def senseless_providers(declared: Sequence[Declared]) -> Iterator[tuple[Declared, Refused]]:
    """The declared providers that could not be opened, each with what is wrong, at its dotted path."""
    rows = Provider.objects.in_bulk([each.id for each in declared])
    for each in declared:
        if each.whole:
            try:
                check_provider(value_of(each), rows.get(each.id))
            except Refused as refused:
                yield each, refused
