"""tocsin token: what opens the API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from cyclopts import App

from tocsin.cli.door import open_door
from tocsin.cli.incident import Json
from tocsin.cli.say import complain, say, say_json, say_table
from tocsin.kernel.durations import parse_duration

app = App(name="token", help="Make, list and revoke tokens for the API.")
COLUMNS = {
    "id": "ID",
    "user": "USER",
    "name": "NAME",
    "scope": "SCOPE",
    "prefix": "BEGINS",
    "expires_at": "EXPIRES",
    "last_used_at": "LAST USED",
}


@app.command
def add(
    name: str,
    /,
    *,
    scope: Literal["read", "act", "admin"] = "read",
    user: str | None = None,
    expires: str | None = None,
    as_json: Json = False,
) -> None:
    """Make a token and print it: this once, for only its digest is kept.

    Parameters
    ----------
    name
        What it is for.
    scope
        What it may: read sees, act works on incidents, admin does all that its owner may.
    user
        Whose it is; your own when left out.
    expires
        How long it lives, such as 90d; for ever when left out.
    """
    until = (datetime.now(UTC) + parse_duration(expires, "--expires")).isoformat() if expires else None
    with open_door() as door:
        made = door.post("tokens", {"name": name, "scope": scope, "user": user, "expires_at": until})
    if as_json:
        say_json(made)
        return
    complain("keep it now; it cannot be shown again.")
    say(made["token"])


@app.command(name="list")
def list_tokens(*, as_json: Json = False) -> None:
    """List tokens, never their texts."""
    with open_door() as door:
        rows = list(door.every("tokens"))
    if as_json:
        say_json(rows)
        return
    say_table(rows, COLUMNS)


@app.command
def revoke(id: int, /) -> None:
    """End a token at once.

    Parameters
    ----------
    id
        Its number in the list.
    """
    with open_door() as door:
        door.delete(f"tokens/{id}")
    say(f"Token {id} opens nothing any more.")
