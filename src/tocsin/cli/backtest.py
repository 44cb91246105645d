"""tocsin backtest: who would have been paged instead."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from tocsin.cli.door import open_door
from tocsin.cli.incident import Json
from tocsin.cli.organisation import read_text
from tocsin.cli.say import say, say_json, say_table
from tocsin.kernel.errors import Refused

Flag = Parameter(negative=())
COLUMNS = {
    "user": "WHO",
    "name": "NAME",
    "pages_before": "PAGES",
    "nights_before": "AT NIGHT",
    "pages_after": "PAGES THEN",
    "nights_after": "AT NIGHT THEN",
}


def backtest(
    *files: Path,
    start: Annotated[str | None, Parameter(name="--from")] = None,
    end: Annotated[str | None, Parameter(name="--to")] = None,
    prune: Annotated[bool, Flag] = False,
    as_csv: Annotated[bool, Parameter(name="--csv", negative=())] = False,
    as_json: Json = False,
) -> None:
    """Replay the recorded incidents with changed organisation files: how often each person was paged, and would be.

    Parameters
    ----------
    files
        Organisation files, changed as you would like; nothing is applied.
    start
        Incidents opened from then on, such as 2026-01-01; four weeks before the end when left out.
    end
        Until then; now when left out.
    prune
        As for `tocsin apply`: what the files' sections list no longer is gone.
    as_csv
        Print comma-separated values.
    """
    if not files:
        raise Refused("No file is named", "one organisation file or more")
    body = {
        "files": [{"name": str(path), "text": read_text(path)} for path in files],
        "prune": prune,
        "from_at": _instant(start, "--from"),
        "to_at": _instant(end, "--to"),
    }
    with open_door() as door:
        found = door.post("backtest", body)
    if as_json:
        say_json(found)
    elif as_csv:
        _print_csv(found)
    else:
        say_table(found["tallies"], COLUMNS)
        say(f"\n{_in_words(found)}")


def _print_csv(found: Mapping[str, Any]) -> None:
    # Late: the other commands need none of it.
    from tocsin.readiness.rules import Tally, rows_of

    csv.writer(sys.stdout).writerows(rows_of([Tally(**row) for row in found["tallies"]]))


def _in_words(found: Mapping[str, Any]) -> str:
    different = len(found["different"]) + found["different_left_out"]
    start, end = (datetime.fromisoformat(found[name]).astimezone() for name in ("from_at", "to_at"))
    missed = f" {found['missed']} would reach nobody." if found["missed"] else ""
    return (
        f"{found['incidents']} incidents from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M %Z};"
        f" other people are paged for {different} of them.{missed}"
    )


def _instant(text: str | None, option: str) -> str | None:
    """The instant that the reader's clock means. Raises Refused."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone().isoformat()
    except (ValueError, OverflowError):
        raise Refused(
            f"{text!r} is not a point in time", "one such as 2026-01-01 or 2026-01-01T09:00", where=option
        ) from None
