"""tocsin doctor."""

from __future__ import annotations

from contextlib import nullcontext

from tocsin.cli.door import data_folder, running_at
from tocsin.cli.incident import Json
from tocsin.cli.say import line, say, say_json


def doctor(*, as_json: Json = False) -> int:
    """Look at everything that has to be right before somebody is woken. Exits with 1 when something is not."""
    from tocsin.site.run import held_folder, read_only, set_up

    running = running_at(data_folder())
    config = set_up()
    if running is not None:
        read_only(config)
    with held_folder(config) if running is None else nullcontext():
        from tocsin import channels
        from tocsin.site.doctor import State, examine, worst

        channels.wire(config, config.secret_key)
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
