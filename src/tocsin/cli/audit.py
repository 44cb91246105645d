"""tocsin audit: is the journal whole?"""

from __future__ import annotations

from cyclopts import App

from tocsin.cli.door import open_door
from tocsin.cli.incident import Json
from tocsin.cli.say import say, say_json, say_table

app = App(name="audit", help="Prove that the journal was not changed.")


@app.command
def verify(*, as_json: Json = False) -> int:
    """Check every entry, chain and seal; name the first bad entry of each chain. Exits with 1 when one is found."""
    with open_door() as door:
        found = door.get("audit/verify")
    if as_json:
        say_json(found)
    elif found["whole"]:
        say("The journal is whole.")
    else:
        say("The journal was changed. The first bad entry of each chain, the earliest written first:")
        say_table(found["broken"], {"chain": "CHAIN", "seq": "ENTRY", "why": "WHY"})
    return 0 if found["whole"] else 1
