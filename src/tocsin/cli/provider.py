"""tocsin provider: the accounts with vendors that carry messages."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import App, Parameter

from tocsin.cli.door import Door, open_door
from tocsin.cli.incident import Json
from tocsin.cli.say import complain, say, say_json, say_table
from tocsin.kernel.errors import Refused

app = App(name="provider", help="List the accounts that carry messages, test one, and ask it what it knows.")
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
    id: Annotated[str | None, Parameter(help="The account's id.")] = None,
    to: Annotated[
        str | None,
        Parameter(
            help="The address of a contact of yours, or of a place; the first it serves when left out."
        ),
    ] = None,
    /,
    *,
    every: Annotated[
        bool, Parameter(name="--all", negative=(), help="Every account that is switched on.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Send a test message through one account now, or through each, and say whether its provider took it. Exits with
    1 when one did not."""
    if every == (id is not None):
        raise Refused("Which account is meant?", "an account's id, or --all")
    with open_door() as door:
        ids = [row["id"] for row in door.every("providers") if row["enabled"]] if id is None else [id]
        done = [_tried(door, each, to, one=id is not None) for each in ids]
    if as_json:
        say_json(done if every else done[0])
    else:
        for each in done:
            reference = f": {each['reference']}" if each.get("reference") else ""
            said = f"took it{reference}" if each["sent"] else f"did not take it: {each['why']}"
            say(f"{each['id']} {said} ({each['to'] or 'nowhere to send'})")
        if not done:
            say("No account is switched on.")
    return 0 if all(each["sent"] for each in done) else 1


def _tried(door: Door, id: str, to: str | None, one: bool) -> dict[str, Any]:
    """What became of a test through an account; where `one` is asked after, its refusal is raised."""
    try:
        done = door.post(f"providers/{id}/test", {} if to is None else {"to": to})
    except Refused as refused:
        if one:
            raise
        return {"id": id, "to": "", "sent": False, "reference": "", "why": str(refused)}
    return {"id": id, **done}


@app.command
def introduce(id: Annotated[str, Parameter(help="The account's id.")], /, *, as_json: Json = False) -> None:
    """Tell the vendor of an account where to call us, for vendors that are told by a call."""
    with open_door() as door:
        done = door.post(f"providers/{id}/introduce")
    if as_json:
        say_json(done)
    elif done["agreed"]:
        say(f"{id} knows now where to call us.")
    if not done["agreed"]:
        raise Refused(f"{id} does not know where to call us: {done['why']}")


@app.command
def find(
    id: Annotated[str, Parameter(help="The account's id.")],
    email: Annotated[str, Parameter(help="The e-mail address that somebody has there.")],
    /,
    *,
    as_json: Json = False,
) -> None:
    """Ask the vendor of an account who has an e-mail address there, and print their contact address."""
    with open_door() as door:
        found = door.post(f"providers/{id}/find", {"email": email})
    if as_json:
        say_json(found)
        return
    say(found["address"])


@app.command
def manifest(
    vendor: Annotated[str, Parameter(help="The vendor, such as slack.")],
    /,
    *,
    id: Annotated[
        str | None, Parameter(help="What the account is or will be called; the next free name when left out.")
    ] = None,
) -> None:
    """Print the description of our app that a vendor makes it from, to be pasted there. Nothing in it is secret."""
    with open_door() as door:
        made = door.get(f"vendors/{vendor}/manifest", provider=id)
    say_json(made["manifest"])
    complain(f"this is for the account named {made['provider']}: make it under that name.")
