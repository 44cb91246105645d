"""Run the proof in a folder of its own and print what came of it."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tocsin.testing.proving.oracle import Verdict

DEADLINE = 0.5  # seconds that a provider which never answers is waited for; in use it is ten


def main(words: Sequence[str]) -> int:
    """0 when every promise holds, 1 when one is broken."""
    with tempfile.TemporaryDirectory(prefix="tocsin-proof-") as folder:
        _surround(Path(folder))
        verdicts = _prove(_deadline(words), "--json" not in words)
    if "--json" in words:
        sys.stdout.write(json.dumps([_as_data(one) for one in verdicts], indent=1) + "\n")
    else:
        sys.stdout.write("\n".join(_table(verdicts)) + "\n")
    return 0 if all(one.holds for one in verdicts) else 1


def _deadline(words: Sequence[str]) -> float:
    return float(words[words.index("--deadline") + 1]) if "--deadline" in words else DEADLINE


def _surround(folder: Path) -> None:
    """An environment that knows nothing of the instance beside it."""
    for name in [name for name in os.environ if name.startswith("TOCSIN_")]:
        del os.environ[name]
    os.environ |= {
        "TOCSIN_DATA": str(folder),
        "TOCSIN_ALLOWED_NETWORKS": "127.0.0.0/8",
        "TOCSIN_URL": "https://tocsin.example.com",
        "TOCSIN_LOG": "error",
        "DJANGO_SETTINGS_MODULE": "tocsin.site.settings",
    }


def _prove(deadline: float, talk: bool) -> list[Verdict]:
    from tocsin.site.run import set_up

    config = set_up()
    from tocsin.site import schema
    from tocsin.testing.proving.running import prove

    schema.upgrade()
    return prove(config, deadline, _say if talk else lambda text: None)


def _say(text: str) -> None:
    sys.stderr.write(f"… {text}\n")


def _as_data(one: Verdict) -> dict[str, object]:
    return {**asdict(one), "slowest": one.slowest.total_seconds(), "holds": one.holds}


def _table(verdicts: Sequence[Verdict]) -> list[str]:
    """One line for each channel in each mood."""
    wide = max(len(one.channel) for one in verdicts)
    mood = max(len(one.mood) for one in verdicts)
    lines = [
        f"{'channel':{wide}}  {'its provider':{mood}}  pages reached slowest  lost doubled early late after-ack"
    ]
    for one in verdicts:
        lines.append(
            f"{one.channel:{wide}}  {one.mood:{mood}}  {one.pages:5} {one.reached:7}"
            f" {one.slowest.total_seconds():6.0f}s  {one.lost:4} {one.doubled:7} {one.early:5} {one.late:4}"
            f" {one.after_answer:9}" + ("" if one.holds else "  BROKEN")
        )
    broken = sum(not one.holds for one in verdicts)
    lines.append(
        f"{len(verdicts)} channels in a mood each: "
        + ("every promise holds." if not broken else f"{broken} break a promise.")
    )
    return lines


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
