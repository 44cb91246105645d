"""tocsin incident: list, show, and every verb."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from tocsin.cli.door import open_door
from tocsin.cli.say import line, say, say_json, say_table
from tocsin.kernel.errors import Refused

app = App(name="incident", help="List, show and work on incidents.")

COLUMNS = {
    "number": "NO",
    "priority": "PRIO",
    "state": "STATE",
    "age": "OPENED",
    "assigned": "WHO",
    "service": "SERVICE",
    "title": "TITLE",
}
LISTED_MAX = 50
Flag = Parameter(negative=())
State = Literal["triggered", "acknowledged", "resolved", "closed"]
Json = Annotated[bool, Parameter(name="--json", negative=(), help="Print JSON.")]
Number = Annotated[str, Parameter(help="The incident's number, such as 412.")]


@app.command(name="list")
def list_incidents(
    *,
    state: list[State] | None = None,
    every: Annotated[bool, Parameter(name="--all", negative=())] = False,
    service: str | None = None,
    limit: int = LISTED_MAX,
    as_json: Json = False,
) -> None:
    """List incidents, the newest first; the open ones unless told otherwise.

    Parameters
    ----------
    state
        Only those in this state; may be repeated.
    every
        In whatever state.
    service
        Only those of this service.
    limit
        At most so many.
    """
    states = [] if every else list(state or ["triggered", "acknowledged"])
    with open_door() as door:
        rows = list(door.every("incidents", limit, state=states, service=service))
    if as_json:
        say_json(rows)
        return
    say_table([row | {"age": when(row["opened_at"])} for row in rows], COLUMNS)


@app.command
def show(number: Number, /, *, as_json: Json = False) -> None:
    """Show one incident with its alerts, its deliveries, what happens next, and its timeline."""
    with open_door() as door:
        found = door.get(f"incidents/{numbered(number)}")
        timeline = list(door.every(f"incidents/{numbered(number)}/timeline"))
    if as_json:
        say_json(found | {"timeline": timeline})
        return
    say(f"#{found['number']} {line(found['title'])}")
    say(f"{found['priority']} {found['state']}, {found['urgency']} urgency, {found['impact']} impact")
    say(
        f"Service {found['service']}; {'nobody has it' if not found['assigned'] else found['assigned'] + ' has it'}"
    )
    if found["restricted"]:
        names = ", ".join(reader["user"] for reader in found["readers"]) or "nobody"
        say(f"Restricted: read by {names}, and administrators")
    if found["fires_on"]:
        say("Its alerts still fire: their next event will not reopen it, but opens a new incident")
    for step in found["next_steps"][:1]:
        say(f"Pages level {step['level']} ({', '.join(step['people'])}) at {when(step['at'])}")
    for title, rows, columns in (
        (
            "Alerts",
            found["alerts"],
            {"state": "STATE", "severity": "SEVERITY", "count": "COUNT", "title": "TITLE"},
        ),
        (
            "Messages",
            found["deliveries"],
            {"state": "STATE", "user": "WHO", "contact": "CONTACT", "error": "ERROR"},
        ),
    ):
        if rows:
            say(f"\n{title}")
            say_table(rows, columns)
    say("\nTimeline")
    for entry in timeline:
        said = ", ".join(
            f"{name}={line(value)}" for name, value in entry["data"].items() if value not in ("", None)
        )
        say(f"{when(entry['happened_at'])}  {entry['kind']}  {entry['who']}  {said}".rstrip())


@app.command(name="open")
def open_incident(
    service: str,
    title: str,
    /,
    *,
    urgency: Literal["high", "low"] | None = None,
    impact: Literal["major", "moderate", "minor"] | None = None,
    description: str = "",
    restricted: Annotated[bool, Flag] = False,
    as_json: Json = False,
) -> None:
    """Open an incident by hand; its service's policy begins to climb.

    Parameters
    ----------
    service
        The service's id.
    title
        What is wrong, in one line.
    urgency
        How it pages; what the service says when left out.
    impact
        How much is affected; what the service's tier says when left out.
    description
        What else is known.
    restricted
        Only whom it concerns reads it, and messages say its number alone.
    """
    body = {
        "service": service,
        "title": title,
        "urgency": urgency,
        "impact": impact,
        "description": description,
        "restricted": restricted,
    }
    with open_door() as door:
        made = door.post("incidents", body)
    if as_json:
        say_json(made)
        return
    say(f"#{made['number']} is open ({made['priority']}).")


@app.command
def ack(number: Number, /, *, as_json: Json = False) -> None:
    """Acknowledge: you have it, and nobody else is paged."""
    _act(number, "acknowledge", None, "is acknowledged", as_json)


@app.command
def snooze(number: Number, until: str, /, *, as_json: Json = False) -> None:
    """Put it off: it is yours and nobody is paged until then; then it climbs again.

    Parameters
    ----------
    until
        Such as 2h, 14:00, "tomorrow 08:00" or "until open"; at least 15 minutes, at most 7 days.
    """
    _act(number, "snooze", {"until": until}, "rests, and is yours", as_json)


@app.command
def resolve(number: Number, /, *, note: str = "", as_json: Json = False) -> None:
    """Resolve: it is over.

    Parameters
    ----------
    note
        What it was, for the timeline.
    """
    _act(number, "resolve", {"note": note}, "is resolved", as_json)


@app.command
def reopen(number: Number, /, *, as_json: Json = False) -> None:
    """Reopen: it is not over after all, and the climb begins again."""
    _act(number, "reopen", None, "is open again", as_json)


@app.command
def close(number: Number, /, *, as_json: Json = False) -> None:
    """Close what is resolved: nothing is left to do."""
    _act(number, "close", None, "is closed", as_json)


@app.command
def escalate(
    number: Number,
    /,
    *,
    what_happens: str = "",
    impact: str = "",
    tried: str = "",
    help_needed: str = "",
    as_json: Json = False,
) -> None:
    """Page the next level now; what you say here is what they read first.

    Parameters
    ----------
    what_happens
        What is seen.
    impact
        Who is affected, and how badly.
    tried
        What has been done so far.
    help_needed
        What you need from them.
    """
    note = {"what_happens": what_happens, "impact": impact, "tried": tried, "help_needed": help_needed}
    _act(number, "escalate", note, "goes to the next level now", as_json)


@app.command
def note(number: Number, text: str | None = None, /, *, as_json: Json = False) -> None:
    """Put a note on the timeline.

    Parameters
    ----------
    text
        The note; what comes on the standard input when left out.
    """
    said = sys.stdin.read() if text is None else text
    _act(number, "notes", {"text": said}, "has your note", as_json)


@app.command
def assign(
    number: Number,
    user: str | None = None,
    /,
    *,
    nobody: Annotated[bool, Flag] = False,
    as_json: Json = False,
) -> None:
    """Give it to somebody, who is paged.

    Parameters
    ----------
    user
        The person's id.
    nobody
        Take it from whoever has it.
    """
    if (user is None) is not nobody:
        raise Refused("It is not said who gets it", "either a person's id or --nobody")
    _act(number, "assign", {"user": user}, f"is {user}'s" if user else "is nobody's", as_json)


@app.command
def restrict(number: Number, /, *, as_json: Json = False) -> None:
    """Restrict who reads it: you, who opened it and who has it. Messages say its number alone."""
    _act(number, "restrict", None, "is restricted", as_json)


@app.command
def unrestrict(number: Number, /, *, as_json: Json = False) -> None:
    """Let everybody read it again who sees incidents. For whoever has it, and for administrators."""
    _act(number, "unrestrict", None, "is not restricted any more", as_json)


@app.command(name="let-read")
def let_read(number: Number, user: str, /, *, as_json: Json = False) -> None:
    """Let somebody read a restricted incident; they are not told. For whoever has it, and for administrators.

    Parameters
    ----------
    user
        The person's id.
    """
    _act(number, "let-read", {"user": user}, f"is read by {user} too", as_json)


@app.command
def withdraw(number: Number, user: str, /, *, as_json: Json = False) -> None:
    """Let somebody read a restricted incident no more. For whoever has it, and for administrators.

    Parameters
    ----------
    user
        The person's id.
    """
    _act(number, "withdraw", {"user": user}, f"is not read by {user} any more", as_json)


def _act(number: str, verb: str, body: Any, done: str, as_json: bool) -> None:
    with open_door() as door:
        answer = door.post(f"incidents/{numbered(number)}/{verb}", body)
    if as_json:
        say_json(answer)
    elif answer.get("changed", True):
        say(f"#{numbered(number)} {done}.")
    else:
        say(f"Nothing changed: {answer['why']}.".replace("..", "."))


def numbered(text: str) -> int:
    """The number in "412" or "#412". Raises Refused."""
    digits = text.removeprefix("#")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 18:
        raise Refused(
            f"{text!r} is not an incident", "its number, such as 412", "`tocsin incident list` shows them."
        )
    return int(digits)


def when(instant: str) -> str:
    """An instant as the reader's clock shows it."""
    at = datetime.fromisoformat(instant).astimezone()
    return at.strftime(
        "%Y-%m-%d %H:%M:%S" if at.date() != datetime.now(UTC).astimezone().date() else "%H:%M:%S"
    )
