"""tocsin user: add, list, sign-in links, tests of contacts."""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from tocsin.cli.door import open_door
from tocsin.cli.incident import Json, when
from tocsin.cli.say import say, say_json, say_table
from tocsin.kernel.durations import parse_duration
from tocsin.kernel.errors import Refused
from tocsin.kernel.ids import slug_of

app = App(name="user", help="Add and list people, and test how they are reached.")
LOOK_EVERY = 1.0  # seconds between two looks at a test
COLUMNS = {
    "id": "ID",
    "name": "NAME",
    "email": "E-MAIL",
    "role": "ROLE",
    "timezone": "ZONE",
    "active": "ACTIVE",
}


@app.command
def add(
    name: str,
    email: str,
    /,
    *,
    id: str | None = None,
    role: Literal["admin", "manager", "responder", "stakeholder"] = "responder",
    timezone: str = "UTC",
    as_json: Json = False,
) -> None:
    """Add a person and print the link with which they sign in for the first time.

    Parameters
    ----------
    name
        Their name, as others read it.
    email
        Their e-mail address, with which they sign in.
    role
        What they may do.
    id
        What they are called in files and commands; made from the name when left out.
    timezone
        Their IANA zone, such as Europe/Madrid.
    """
    key = id or slug_of(name)
    if not key:
        raise Refused(f"No id can be made from {name!r}", "one with --id")
    with open_door() as door:
        if any(user["id"] == key for user in door.every("users")):
            raise Refused(f"There is a person {key!r} already", mend="Choose another with --id.", status=409)
        made = door.put(f"users/{key}", {"name": name, "email": email, "role": role, "timezone": timezone})
        link = door.post(f"users/{key}/sign-in-link")
    if as_json:
        say_json(made | {"sign_in_link": link})
        return
    say(
        f"Added {made['name']} as {made['id']}.\nSign in once, until {when(link['expires_at'])}: {link['url']}"
    )


@app.command(name="list")
def list_users(*, as_json: Json = False) -> None:
    """List people."""
    with open_door() as door:
        rows = list(door.every("users"))
    if as_json:
        say_json(rows)
        return
    say_table(rows, COLUMNS)


@app.command
def link(id: Annotated[str, Parameter(help="The person's id.")], /, *, as_json: Json = False) -> None:
    """Print a link that signs a person in once: for their first time, or when they are locked out."""
    with open_door() as door:
        made = door.post(f"users/{id}/sign-in-link")
    if as_json:
        say_json(made)
        return
    say(f"Until {when(made['expires_at'])}, once: {made['url']}")


@app.command
def test_rules(
    id: Annotated[str, Parameter(help="The person's id.")],
    /,
    *,
    wait: Annotated[
        str, Parameter(help="For so long what has not arrived yet is waited for; 0s not at all.")
    ] = "30s",
    last: Annotated[
        bool, Parameter(negative=(), help="Send nothing: say what became of the last test.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Send a test message through every contact of a person, and say what became of each. Exits with 1 when one did
    not go, did not arrive or did not ring."""
    patience = time.monotonic() + (0 if last else parse_duration(wait).total_seconds())
    with open_door() as door:
        test = door.get(f"users/{id}/test") if last else door.post(f"users/{id}/test")
        while not test["settled"] and time.monotonic() < patience:
            time.sleep(LOOK_EVERY)
            test = door.get(f"users/{id}/test")
    if as_json:
        say_json(test)
    else:
        say_table(
            [_told(each) for each in test["contacts"]], {"contact": "CONTACT", "state": "STATE", "said": ""}
        )
        say(test["verdict"])
    bad = [each for each in test["contacts"] if each["state"] in ("failed", "unconfirmed", "silent")]
    return 1 if bad or not test["contacts"] else 0


def _told(each: dict[str, Any]) -> dict[str, str]:
    return each | {"said": f"{each['said']} {each['mend']}".strip()}
