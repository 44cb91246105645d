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
    break_glass: Annotated[
        bool,
        Parameter(
            negative=(),
            help="Instead, send a test to everybody on the break-glass list (TOCSIN_BREAK_GLASS).",
        ),
    ] = False,
    as_json: Json = False,
) -> int:
    """Look at everything that has to be right before somebody is woken. Exits with 1 when something is not."""
    if channels:
        return _prove_channels(as_json)
    if break_glass:
        return _try_break_glass(as_json)
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


def _try_break_glass(as_json: bool) -> int:
    """Send a test to all of the list, from this process: the database and the running program are not asked."""
    from tocsin.site.run import set_up

    config = set_up()
    from tocsin.channels import break_glass_list, wire
    from tocsin.engine.last_resort import test_message
    from tocsin.kernel.errors import Refused
    from tocsin.site.clock import now

    wire(config, config.secret_key)
    listed = break_glass_list(config, config.break_glass)
    if listed is None:
        raise Refused("There is no break-glass list", "the path of one in TOCSIN_BREAK_GLASS")
    outcomes = listed.tell(test_message(), now())
    if as_json:
        say_json([{"name": one.name, "channel": one.channel, "why": one.why} for one in outcomes])
    else:
        for one in outcomes:
            say(
                f"{'fail' if one.why else 'ok':4}  {line(one.name)} by {one.channel}: {line(one.why) or 'sent'}"
            )
    return 1 if any(one.why for one in outcomes) else 0
