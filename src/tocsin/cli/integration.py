"""tocsin integration: what senders use."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from tocsin.cli.door import open_door
from tocsin.cli.incident import Json
from tocsin.cli.say import say, say_json, say_table

app = App(name="integration", help="List integrations and show or renew their keys.")
COLUMNS = {"id": "ID", "service": "SERVICE", "type": "TYPE", "enabled": "ON", "last_event_at": "LAST EVENT"}


@app.command(name="list")
def list_integrations(*, as_json: Json = False) -> None:
    """List integrations, without their keys."""
    with open_door() as door:
        rows = list(door.every("integrations"))
    if as_json:
        say_json(rows)
        return
    say_table(rows, COLUMNS)


@app.command
def key(
    id: Annotated[str, Parameter(help="The integration's id.")],
    /,
    *,
    rotate: Annotated[
        bool, Parameter(negative=(), help="Make a fresh key; the old one opens nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Print the key with which senders come in, to be put into their configuration."""
    with open_door() as door:
        found = door.post(f"integrations/{id}/rotate") if rotate else door.get(f"integrations/{id}/key")
    if as_json:
        say_json(found)
        return
    say(found["key"])
