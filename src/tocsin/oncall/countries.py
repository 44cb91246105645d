"""The public holidays of countries and their regions, as the package `holidays` knows them, and their names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType

import holidays
from holidays.registry import COUNTRIES

from tocsin.kernel.calendars import NAME_LENGTH_MAX, Holiday
from tocsin.kernel.errors import Refused

YEARS_BACK, YEARS_AHEAD = 1, 2
_SMALL = {"And": "and", "Of": "of", "The": "the"}  # words that a name does not begin with
Names = Mapping[str, str]


@lru_cache(maxsize=1)
def countries() -> Names:
    """The name of each country by its code, "Germany" by "DE", in the order of the names."""
    named = {codes[1]: _title(module) for module, codes in COUNTRIES.items()}
    return MappingProxyType(dict(sorted(named.items(), key=lambda pair: pair[1])))


@lru_cache(maxsize=64)
def regions(country: str) -> Names:
    """The name of each region of a country by its code, "Bayern" by "BY", in the order of the names; a code for itself
    where no name is known. None of a country that is not known."""
    if country not in countries():
        return MappingProxyType({})
    kind = type(holidays.country_holidays(country))
    named: dict[str, str] = {code: code for code in kind.subdivisions}
    # Of several names the first is the one in use; later ones are other spellings, or codes of others.
    for name, code in getattr(kind, "subdivisions_aliases", {}).items():
        if named.get(code) == code and len(name) > 3:
            named[code] = name
    return MappingProxyType(dict(sorted(named.items(), key=lambda pair: pair[1])))


def place_in_words(shown: str) -> str:
    """ "Germany, Bayern" of "DE/BY"."""
    country, _, region = shown.partition("/")
    name = countries().get(country, country)
    return f"{name}, {regions(country).get(region, region)}" if region else name


def country_days(country: str, region: str, now: datetime) -> list[Holiday]:
    """The public holidays from last year to the year after next. Raises Refused for a place that is not known."""
    years = range(now.year - YEARS_BACK, now.year + YEARS_AHEAD + 1)
    try:
        found = holidays.country_holidays(country, subdiv=region or None, years=years)
    except NotImplementedError:
        raise Refused(
            f"Nothing is known of the holidays of {country[:20]!r} {region[:20]!r}",
            "a country such as DE, and if need be one of its regions, such as BY",
            where="country",
        ) from None
    return [Holiday(day, str(name)[:NAME_LENGTH_MAX]) for day, name in sorted(found.items())]


def _title(module: str) -> str:
    first, *rest = module.replace("_", " ").title().split()
    return " ".join([first, *(_SMALL.get(word, word) for word in rest)])
