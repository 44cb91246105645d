"""tocsin apply, tocsin export: the organisation as files."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tocsin.cli.door import open_door
from tocsin.cli.incident import Json
from tocsin.cli.say import complain, say, say_json
from tocsin.kernel.errors import Refused

Flag = Parameter(negative=())


def apply(
    *files: Path,
    dry_run: Annotated[bool, Flag] = False,
    prune: Annotated[bool, Flag] = False,
    as_json: Json = False,
) -> None:
    """Make the organisation what the files say: all of it or nothing. The same files again change nothing.

    Parameters
    ----------
    files
        Organisation files; /dev/stdin is the standard input.
    dry_run
        Only say what would be added, changed and removed.
    prune
        What the files' sections list no longer is removed, or switched off when the past names it.
    """
    if not files:
        raise Refused("No file is named", "one file or more")
    texts = [(str(path), read_text(path)) for path in files]
    body = {
        "files": [{"name": name, "text": text} for name, text in texts],
        "prune": prune,
        "outside": _outside(texts),
    }
    with open_door() as door:
        done = door.post("organisation/plan" if dry_run else "organisation/apply", body)
    if as_json:
        say_json(done)
        return
    say("\n".join(done["words"]))
    if impact := done.get("impact"):
        say("\n".join(["What becomes of shifts within 12 weeks:", *(f"  {line}" for line in impact)]))
    if keys := done.get("keys"):
        complain("these keys were made; `tocsin integration key ID` shows them again.")
        for integration, key in keys.items():
            say(f"key of {integration}: {key}")
    if secrets := done.get("secrets"):
        complain("these secrets were made; `tocsin webhook secret ID` shows them again.")
        for webhook, secret in secrets.items():
            say(f"secret of {webhook}: {secret}")


def _outside(texts: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The values that the files name and do not contain, from this machine's environment and files. Raises Refused."""
    from tocsin.organisation.outside import File, lies_outside, read_outside

    named = lies_outside([File(name, text) for name, text in texts])
    return {str(each): read_outside(each, os.environ) for each in named}


def export(*, keys: Annotated[bool, Flag] = False, as_json: Json = False) -> None:
    """Print the file that, applied now, changes nothing.

    Parameters
    ----------
    keys
        Put the integrations' keys in, in plain text. Secrets of providers and of webhooks are never in it.
    """
    with open_door() as door:
        text = door.get("organisation", keys="true" if keys else None)["text"]
    if as_json:
        say_json({"text": text})
        return
    sys.stdout.write(
        text
    )  # as it is: the file is not for the terminal, and YAML writes control characters escaped


def read_text(path: Path) -> str:
    """The file's text. Raises Refused."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Refused(f"It cannot be read ({error.strerror})", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise Refused(f"Byte {error.start} is not UTF-8", "a text in UTF-8", where=str(path)) from error
