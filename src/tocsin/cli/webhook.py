"""tocsin webhook: which programs are told what happens to incidents, and what became of it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from cyclopts import App, Parameter

from tocsin.cli.door import Door, open_door
from tocsin.cli.incident import Json
from tocsin.cli.say import complain, say, say_json, say_table
from tocsin.kernel.errors import Refused, conflict

app = App(
    name="webhook", help="Tell other programs what happens to incidents; secrets, tests and the log of it."
)
USUAL = ("incident.opened", "incident.acknowledged", "incident.resolved")
TEST_SECONDS = 20.0  # of waiting for the result of a test: a receiver has ten to answer
LOG_LENGTH = 20
COLUMNS = {
    "id": "ID",
    "name": "NAME",
    "enabled": "ON",
    "told": "EVENTS",
    "waiting": "WAITING",
    "failing_since": "FAILING SINCE",
    "why": "WHY OFF",
}
LOG_COLUMNS = {
    "made_at": "MADE",
    "event": "EVENT",
    "state": "STATE",
    "attempts": "ATTEMPTS",
    "outcome": "THE LAST TIME",
    "id": "ID",
}

Id = Annotated[str, Parameter(help="The webhook's id.")]
Several = Annotated[list[str] | None, Parameter(negative=())]


@app.command(name="list")
def list_webhooks(*, as_json: Json = False) -> None:
    """List webhooks and how each is; neither addresses nor secrets."""
    with open_door() as door:
        rows = list(door.every("webhooks"))
    if as_json:
        say_json(rows)
        return
    say_table(
        [{**row, "told": len(row["events"]), "why": row["off_why"] or None} for row in rows],
        COLUMNS,
    )


@app.command
def add(
    id: Id,
    address: Annotated[str, Parameter(help="Where events are posted; it begins with https://.")],
    /,
    *,
    name: str | None = None,
    event: Several = None,
    service: Several = None,
    team: Several = None,
    as_json: Json = False,
) -> None:
    """Make a webhook and print its secret, for the receiver.

    Parameters
    ----------
    name
        As it is shown; the id when left out.
    event
        A type of event it is told; may be repeated. Opened, acknowledged and resolved when left out.
    service
        Only incidents of this service; may be repeated. All when this and --team are left out.
    team
        Incidents of this team's services; may be repeated.
    """
    with open_door() as door:
        if _found(door, id) is not None:
            raise conflict(f"There is a webhook {id} already", "Choose another id.")
        body = {
            "name": name or id,
            "address": address,
            "events": event or list(USUAL),
            "services": service or [],
            "teams": team or [],
        }
        made = door.put(f"webhooks/{id}", body)
        secret = door.get(f"webhooks/{id}/secrets")["secret"]
    if as_json:
        say_json(made | {"secret": secret})
        return
    complain("give this secret to the receiver; `tocsin webhook secret ID` shows it again.")
    say(secret)


@app.command
def secret(id: Id, /, *, as_json: Json = False) -> None:
    """Print what signs for a webhook: the secret, and while it still signs the one from before."""
    with open_door() as door:
        found = door.get(f"webhooks/{id}/secrets")
    _say_secrets(found, as_json)


@app.command
def rotate(id: Id, /, *, as_json: Json = False) -> None:
    """Make a new secret and print it; for 24 hours the one from before signs as well."""
    with open_door() as door:
        found = door.post(f"webhooks/{id}/rotate")
    _say_secrets(found, as_json)


@app.command(name="end-old")
def end_old(id: Id, /) -> None:
    """End the secret from before the last rotation now: every receiver has the new one."""
    with open_door() as door:
        door.post(f"webhooks/{id}/end-old")
    say(f"Only the new secret signs for {id} now.")


@app.command
def test(id: Id, /, *, as_json: Json = False) -> None:
    """Send a test event and say what became of it. Exits with 1 when it did not arrive."""
    with open_door() as door:
        message = door.post(f"webhooks/{id}/test")
        if door.running:
            message = _answered(door, id, message)
    if as_json:
        say_json(message)
    elif not message["tries"]:
        say("The test is queued; `tocsin webhook log` shows what becomes of it.")
    elif message["state"] == "sent":
        say(f"It arrived after {message['tries'][-1]['took_ms']} ms.")
    if message["tries"] and message["state"] != "sent":
        raise Refused(f"The test did not arrive: {message['tries'][-1]['outcome']}")


@app.command
def log(id: Id, /, *, limit: int = LOG_LENGTH, as_json: Json = False) -> None:
    """List what was sent or waits, the latest first.

    Parameters
    ----------
    limit
        At most so many events.
    """
    with open_door() as door:
        rows = list(door.every(f"webhooks/{id}/messages", most=limit))
    if as_json:
        say_json(rows)
        return
    say_table([_line(row) for row in rows], LOG_COLUMNS)


@app.command
def again(id: Id, message: Annotated[str, Parameter(help="The event's id, as the log shows it.")], /) -> None:
    """Send an event again, under the same id."""
    with open_door() as door:
        door.post(f"webhooks/{id}/messages/{message}/again")
    say("It is on its way again.")


@app.command
def enable(id: Id, /) -> None:
    """Switch a webhook on: it is told of what happens from now on."""
    _switch(id, True)
    say(f"{id} is told of what happens from now on.")


@app.command
def disable(id: Id, /) -> None:
    """Switch a webhook off: what waits is given up, and it is told nothing more."""
    _switch(id, False)
    say(f"{id} is told nothing any more.")


@app.command
def delete(id: Id, /) -> None:
    """Forget a webhook, its secrets and its log."""
    with open_door() as door:
        door.delete(f"webhooks/{id}")
    say(f"{id} is deleted.")


def _found(door: Door, id_: str) -> Any:
    try:
        return door.get(f"webhooks/{id_}")
    except Refused as refused:
        if refused.status != 404:
            raise
        return None


def _switch(id_: str, on: bool) -> None:
    with open_door() as door:
        row = door.get(f"webhooks/{id_}")
        kept = {name: row[name] for name in ("name", "address", "events", "services", "teams")}
        door.put(f"webhooks/{id_}", kept | {"enabled": on})


def _answered(door: Door, id_: str, message: Mapping[str, Any]) -> Mapping[str, Any]:
    """The message once it was tried, or as it was when that takes too long."""
    patience = time.monotonic() + TEST_SECONDS
    while time.monotonic() < patience:
        latest: Sequence[Mapping[str, Any]] = list(door.every(f"webhooks/{id_}/messages", most=LOG_LENGTH))
        found = next((row for row in latest if row["id"] == message["id"]), None)
        if found is not None and found["tries"]:
            return found
        time.sleep(0.1)
    return message


def _say_secrets(found: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        say_json(found)
        return
    say(found["secret"])
    if found["old"]:
        complain(f"until {found['old_until']} this one signs as well: {found['old']}")


def _line(row: Mapping[str, Any]) -> dict[str, Any]:
    """A message for the table."""
    tries = row["tries"]
    return {**row, "attempts": len(tries), "outcome": tries[-1]["outcome"] if tries else None}
