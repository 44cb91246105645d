"""tocsin send: a test event through the real intake."""

from __future__ import annotations

import json
import os
from typing import Literal

from tocsin.cli.door import Door, Network, data_folder, open_door, running_at
from tocsin.cli.incident import Json
from tocsin.cli.say import say, say_json
from tocsin.kernel.errors import Refused


def send(
    summary: str = "Test event from the command line",
    /,
    *,
    integration: str | None = None,
    severity: Literal["critical", "error", "warning", "info"] = "critical",
    action: Literal["trigger", "acknowledge", "resolve"] = "trigger",
    dedup_key: str | None = None,
    as_json: Json = False,
) -> None:
    """Send an event to the running program, as a monitoring system would.

    Parameters
    ----------
    summary
        What the event says.
    integration
        The integration whose key is used; left out, the key in TOCSIN_KEY, or the only integration there is.
    severity
        How bad it is; critical and error page high, warning and info low, unless the service says otherwise.
    action
        Whether it begins, is taken on by the sender, or is over.
    dedup_key
        Events with the same one are one alert; made when left out, and printed.
    """
    if action != "trigger" and not dedup_key:
        raise Refused(f"It is not said what to {action}", "the --dedup-key that the trigger had")
    address = _address()
    key = os.environ.get("TOCSIN_KEY", "") if integration is None else ""
    event = {
        "routing_key": key or _key(integration),
        "event_action": action,
        "payload": {"summary": summary, "severity": severity, "source": os.uname().nodename},
    }
    if dedup_key:
        event["dedup_key"] = dedup_key
    headers = {"Content-Type": "application/json"}
    status, answer = Network(address).carry("POST", "/v2/enqueue", headers, json.dumps(event).encode())
    said = _read(answer)
    if as_json:
        say_json(said)
    if status >= 300:
        errors = said.get("errors")
        why = "; ".join(map(str, errors)) if isinstance(errors, list) else ""
        raise Refused(
            f"The intake answered {status}: {said.get('message', '')} {why}".rstrip(), status=status
        )
    if not as_json:
        say(f"Accepted and stored; dedup key {said['dedup_key']}.")


def _address() -> str:
    """Where to send: elsewhere when a key or a token for elsewhere is given, else to the program of this machine."""
    elsewhere = any(os.environ.get(f"TOCSIN_{name}") for name in ("TOKEN", "TOKEN_FILE", "KEY"))
    if elsewhere and (url := os.environ.get("TOCSIN_URL")):
        return url
    address = running_at(data_folder())
    if address is None:
        raise Refused(
            "The program is stopped, so nobody takes events",
            "a running Tocsin",
            "Start it with: tocsin run",
            status=503,
        )
    return address


def _key(integration: str | None) -> str:
    with open_door() as door:
        return str(door.get(f"integrations/{integration or _only(door)}/key")["key"])


def _only(door: Door) -> str:
    ids = [row["id"] for row in door.every("integrations") if row["enabled"]]
    if len(ids) != 1:
        raise Refused(
            f"There are {len(ids)} integrations" if ids else "There is no integration yet",
            "one with --integration, or a key in TOCSIN_KEY",
            "`tocsin integration list` shows them.",
        )
    return str(ids[0])


def _read(answer: bytes) -> dict[str, object]:
    try:
        said = json.loads(answer)
    except ValueError:
        said = None
    return said if isinstance(said, dict) else {}
