"""tocsin doctor."""

from __future__ import annotations

import subprocess
import sys
from contextlib import nullcontext
from typing import Annotated

from cyclopts import Parameter

from tocsin.cli.door import data_folder, running_at
from tocsin.cli.incident import Json
from tocsin.cli.say import line, say, say_json


def doctor(
    *,
    channels: Annotated[
        bool,
        Parameter(
            negative=(),
            help="Instead, page made-up people through every channel while its provider, played on this machine, "
            "has bad days, and count what is lost, doubled, early or late. Takes a minute or two.",
        ),
    ] = False,
    as_json: Json = False,
) -> int:
    """Look at everything that has to be right before somebody is woken. Exits with 1 when something is not."""
    if channels:
        return _prove_channels(as_json)
    from tocsin.site.run import held_folder, read_only, set_up

    running = running_at(data_folder())
    config = set_up()
    if running is not None:
        read_only(config)
    with held_folder(config) if running is None else nullcontext():
        from tocsin.channels import wire
        from tocsin.site.doctor import State, examine, worst

        wire(config, config.secret_key)
        findings = examine(config, running)
    state = worst(findings)
    if as_json:
        say_json(
            {
                "state": state,
                "findings": [
                    {"about": one.about, "state": one.state, "said": one.said, "mend": one.mend}
                    for one in findings
                ],
            }
        )
    else:
        for one in findings:
            say(
                f"{one.state:4}  {one.about:12}  {line(one.said)}"
                + (f". {line(one.mend)}" if one.mend else "")
            )
    return 1 if state is State.FAIL else 0


def _prove_channels(as_json: bool) -> int:
    """In a process and a folder of its own: nothing of this instance is touched, and nobody is woken."""
    words = [sys.executable, "-m", "tocsin.testing.proving", *(["--json"] if as_json else [])]
    return subprocess.run(words, check=False).returncode
