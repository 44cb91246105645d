"""tocsin migrate."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from tocsin.cli.door import data_folder
from tocsin.cli.incident import Json
from tocsin.cli.say import say, say_json


def migrate(
    *,
    check: Annotated[
        bool, Parameter(negative=(), help="Only look: exit with 1 when something is missing.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Bring the database up to date. `tocsin run` does the same when it starts."""
    from tocsin.site.run import held_folder, set_up

    data_folder()
    config = set_up()
    from tocsin.site import schema

    if check:
        schema.refuse_newer(found := schema.look())
        steps = sorted(found.missing)
    else:
        with held_folder(config):
            steps = list(schema.upgrade())
    if as_json:
        say_json({"missing" if check else "applied": [".".join(step) for step in steps]})
    elif not steps:
        say("The database is up to date.")
    else:
        say("Missing:" if check else "Applied:")
        for app, name in steps:
            say(f"  {app} {name}")
    return 1 if check and steps else 0
