"""Which time zone data count: the machine's own or those of the package `tzdata`, whichever are newer.

Governments change clocks at a few weeks' notice. Python asks the machine first, and a machine that nobody has updated
since then knows yesterday's rules; the package comes with every update of this program. Of a machine that does not say
how old its data are, the package's count. PYTHONTZPATH, when somebody sets it, has the last word.
"""

from __future__ import annotations

import os
import re
import zoneinfo
from collections.abc import Iterable
from pathlib import Path

import tzdata

_VERSION = re.compile(r"\d{4}[a-z]{1,2}")  # such as 2026f


def version_at(folders: Iterable[str]) -> str:
    """The version of the data that the first of `folders` with any holds; "" when it does not say."""
    for folder in map(Path, folders):
        if not (folder / "Europe" / "London").exists():
            continue
        for name in ("tzdata.zi", "+VERSION"):
            with_version = folder / name
            if with_version.is_file():
                with with_version.open(encoding="utf-8", errors="replace") as lines:
                    found = _VERSION.search(lines.readline())
                return found.group() if found else ""
        return ""
    return ""


def use_newest(folders: Iterable[str] = zoneinfo.TZPATH) -> str:
    """Make `zoneinfo` read the newer data from here on; returns their version."""
    folders = tuple(folders)
    own = version_at(folders)
    if own >= tzdata.IANA_VERSION or _is_chosen():
        zoneinfo.reset_tzpath(folders)
        found = own
    else:
        zoneinfo.reset_tzpath(())
        found = tzdata.IANA_VERSION
    zoneinfo.ZoneInfo.clear_cache()
    return found


def _is_chosen() -> bool:
    """Whether somebody has said which data to use."""
    return bool(os.environ.get("PYTHONTZPATH"))


VERSION = use_newest()
