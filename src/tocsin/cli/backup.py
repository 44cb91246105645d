"""tocsin backup, tocsin restore."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from tocsin.cli.door import data_folder
from tocsin.cli.incident import Json
from tocsin.cli.say import say, say_json
from tocsin.kernel.errors import Refused

Choice = Parameter(negative=())


def backup(file: Path | None = None, /, *, as_json: Json = False) -> None:
    """Write everything into one file, beside the running program or without it.

    Parameters
    ----------
    file
        Where to; tocsin-DATE.backup here when left out. It holds the secret key: keep it as you keep a key.
    """
    from tocsin.site.backup import make_backup
    from tocsin.site.config import read_config

    data_folder()
    now = datetime.now(UTC)
    target = (file or Path(f"tocsin-{now:%Y%m%d-%H%M%S}.backup")).absolute()
    os.umask(0o077)
    manifest = make_backup(read_config(os.environ), target, now)
    if as_json:
        say_json({"file": str(target), "made_at": manifest.made_at, "rows": manifest.rows})
        return
    say(
        f"Wrote {target.name} ({target.stat().st_size // 1024} KB): the database, checked, and the secret key."
    )


def restore(
    file: Path,
    /,
    *,
    data: Path | None = None,
    send_pending: Annotated[bool, Choice] = False,
    hold_pending: Annotated[bool, Choice] = False,
    changed_journal: Annotated[bool, Choice] = False,
    as_json: Json = False,
) -> None:
    """Put a backup into an empty data folder, check it, and say what would be sent before anything is.

    Parameters
    ----------
    file
        What `tocsin backup` wrote.
    data
        The folder; TOCSIN_DATA or ./data when left out.
    send_pending
        Go on paging where the backup stood: messages that went out after it was made go out once more.
    hold_pending
        Send nothing that waited, tell webhooks nothing of it, and page nobody for its open incidents until somebody
        escalates them.
    changed_journal
        Restore although the journal's chain shows that it was changed.
    """
    from tocsin.site.backup import unpacked
    from tocsin.site.config import given

    if send_pending and hold_pending:
        raise Refused("Both --send-pending and --hold-pending", "one of them")
    if given(os.environ).get("DATABASE_URL"):
        raise Refused(
            "TOCSIN_DATABASE_URL is set",
            "an SQLite instance",
            "docs/how-to/backup.md tells about PostgreSQL.",
        )
    folder = (data or Path(given(os.environ).get("DATA", "data"))).absolute()
    with unpacked(file, folder) as manifest:
        os.environ["TOCSIN_DATA"] = str(folder)
        os.environ.pop("TOCSIN_SECRET_KEY", None)  # the backup's own is in the folder now
        said = _check_and_choose(manifest.made, send_pending, hold_pending, changed_journal)
    if as_json:
        say_json(said | {"data": str(folder), "made_at": manifest.made_at})
        return
    say(f"Restored the backup of {manifest.made:%Y-%m-%d %H:%M:%S} UTC. The journal is {said['journal']}.")
    if said["held_incidents"]:
        say("Nobody will be paged for these open incidents until somebody escalates them:")
        say("  " + ", ".join(f"#{number}" for number in said["held_incidents"]))


def _check_and_choose(made: datetime, send: bool, hold: bool, changed_ok: bool) -> dict[str, Any]:
    """Bring the restored database up to date, verify it, and do with what is pending as was said. Raises Refused."""
    from tocsin.site.run import held_folder, set_up

    config = set_up()
    with held_folder(config):
        from tocsin.site.restored import changed_chains, hold_everything, note_restore, pending
        from tocsin.site.schema import upgrade

        upgrade()
        broken = changed_chains(config)
        if broken and not changed_ok:
            raise Refused(
                f"The journal in the backup was changed ({broken[0]})",
                "one whose every entry fits",
                "Use an older backup, or --changed-journal to restore this one all the same.",
            )
        messages, events, incidents = pending()
        if (messages or events or incidents) and not (send or hold):
            send = _ask(messages, events, len(incidents))
        held = [] if send else hold_everything(made)
        note_restore(made, held=not send)
        return {
            "journal": "changed: " + broken[0] if broken else "whole",
            "pending_messages": messages,
            "pending_events": events,
            "pending_incidents": incidents,
            "held_incidents": held,
        }


def _ask(messages: int, events: int, incidents: int) -> bool:
    """Whether to go on sending; asks whoever sits there. Raises Refused when nobody does."""
    found = (
        f"{messages} messages wait to be sent, {events} events to be told to webhooks, "
        f"and {incidents} open incidents would page somebody"
    )
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Refused(
            found,
            "--send-pending or --hold-pending",
            "Many of them may have gone out since the backup was made.",
        )
    say(f"{found}. Many of them may have gone out since the backup was made.")
    return input("Send them? [y/N] ").strip().lower() in ("y", "yes")
