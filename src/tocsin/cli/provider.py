"""tocsin provider: the accounts with vendors that carry messages."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from tocsin.cli.door import open_door
from tocsin.cli.incident import Json
from tocsin.cli.say import say, say_json, say_table
from tocsin.kernel.errors import Refused

app = App(name="provider", help="List the accounts that carry messages, and test one.")
COLUMNS = {
    "id": "ID",
    "vendor": "VENDOR",
    "position": "POSITION",
    "enabled": "ON",
    "health": "STATE",
    "sent": "SENT/H",
    "failed": "FAILED/H",
    "last_error": "LAST ERROR",
}


@app.command(name="list")
def list_providers(*, as_json: Json = False) -> None:
    """List the accounts with vendors, how each is, and what it did in the last hour; never their secrets."""
    with open_door() as door:
        rows = list(door.every("providers"))
    if as_json:
        say_json(rows)
        return
    say_table(rows, COLUMNS)


@app.command
def test(
    id: Annotated[str, Parameter(help="The account's id.")],
    to: Annotated[str, Parameter(help="The address of a contact of yours, or of a place.")],
    /,
    *,
    as_json: Json = False,
) -> None:
    """Send a test message through one account now, and say whether its provider took it."""
    with open_door() as door:
        done = door.post(f"providers/{id}/test", {"to": to})
    if as_json:
        say_json(done)
    elif done["sent"]:
        say(f"{id} took it{': ' + done['reference'] if done['reference'] else ''}.")
    if not done["sent"]:
        raise Refused(f"The test did not go: {done['why']}")
