"""tocsin report: say what is wrong."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from tocsin.cli.door import open_door
from tocsin.cli.incident import Flag, Json, numbered
from tocsin.cli.say import line, say, say_json


def report(
    title: Annotated[str, Parameter(help="What is wrong, in one line.")],
    /,
    *,
    text: Annotated[str, Parameter(help="What else is known: since when, whom it hurts.")] = "",
    service: Annotated[str | None, Parameter(help="The service's id; left out: the one for reports.")] = None,
    later: Annotated[bool, Flag, Parameter(help="It can wait for working hours.")] = False,
    follows: Annotated[str | None, Parameter(help="An open incident that it is about.")] = None,
    as_json: Json = False,
) -> None:
    """Report that something is wrong: an incident opens with your words, and you are told how it goes on."""
    body: dict[str, Any] = {"title": title, "text": text, "service": service, "urgent": not later}
    if follows is not None:
        body["follows"] = numbered(follows)
    with open_door() as door:
        made = door.post("reports", body)
    if as_json:
        say_json(made)
        return
    say(f"#{made['number']} {line(made['title'])}: your words are there, and you are told how it goes on.")
