"""The program with organisations that are made for a measurement: who is reached through what."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.measures import SETTLE_S
from bench.targets import Target, Tocsin, get


class Reaching(Tocsin):
    """The program with an organisation that the measurement says."""

    def __init__(self, organisation: dict[str, Any]) -> None:
        super().__init__()
        self._organisation = organisation

    def organisation(self, hook_port: int) -> str:
        return json.dumps(self._organisation)

    def number(self, name: str) -> int:
        """What /metrics says under this name."""
        _, text = get(self.port, "/metrics")
        found = re.search(rf"^{name} ([0-9.e+]+)$".encode(), text, re.M)
        if found is None:
            raise RuntimeError(f"/metrics does not say {name}")
        return int(float(found[1]))

    def wait_for(self, name: str, least: int, longest: float = SETTLE_S) -> None:
        """Wait until the number of this name has come to `least`."""
        until = time.monotonic() + longest
        while self.number(name) < least:
            if time.monotonic() > until:
                raise RuntimeError(f"{name} is {self.number(name)} after {longest:.0f} s, and not {least}")
            time.sleep(0.1)


@contextmanager
def running(target: Target, folder: Path, hook_port: int = 0) -> Iterator[None]:
    place = folder / f"delivery-{len(list(folder.iterdir()))}"
    place.mkdir()
    target.prepare(place, hook_port)
    target.start()
    try:
        yield
    finally:
        target.stop()


def person(id_: str, contacts: dict[str, str], *rule: Any) -> dict[str, Any]:
    rules = {"high": list(rule), "low": list(rule)[:1]}
    return {
        "id": id_,
        "name": id_,
        "email": f"{id_}@example.com",
        "role": "responder",
        "contacts": contacts,
        "rules": rules,
    }


def policy(id_: str, *levels: str) -> dict[str, Any]:
    return {"id": id_, "name": id_, "levels": [{"notify": [who], "timeout": "5m"} for who in levels]}


def service(id_: str, key: str, policy: str, tier: int = 3) -> dict[str, Any]:
    integration = {"id": f"bench-{id_}", "type": "alertmanager", "key": key}
    return {"id": id_, "name": id_, "tier": tier, "policy": policy, "integrations": [integration]}


def key_of(number: int) -> str:
    return f"{0xDE11_0000 + number:032x}"
