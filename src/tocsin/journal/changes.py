"""What somebody changed in the configuration or in who has access: facts of the one chain "organisation".

The version of the configuration is the head of this chain. Nothing else has to be counted up, and a change
that was not written down cannot exist.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from tocsin.journal.actions import ORGANISATION, Fact, lock_heads, write
from tocsin.journal.rules import DATA_BYTES_MAX
from tocsin.journal.waking import listen, wake
from tocsin.kernel.acting import By
from tocsin.kernel.durations import format_duration

TOPIC = "configuration"
CHANGED = "(changed)"  # stands where a value is personal and must not stay in a record that is never deleted


def saved(
    noun: str,
    key: str,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any],
    personal: Collection[str] = (),
) -> list[Fact]:
    """The fact that `noun` `key` was made (`before` None) or changed; [] when nothing differs.

    Only the fields that differ are written, the `personal` ones without their values.
    """
    old = before or {}
    fields = [name for name in after if before is None or old.get(name) != after[name]]
    if before is not None and not fields:
        return []
    data: dict[str, Any] = {noun: key, "new": before is None}
    if before is not None:
        data["before"] = {name: CHANGED if name in personal else _plain(old.get(name)) for name in fields}
    data["after"] = {name: CHANGED if name in personal else _plain(after[name]) for name in fields}
    if len(json.dumps(data)) > DATA_BYTES_MAX:
        data = {noun: key, "new": before is None, "after": dict.fromkeys(fields, CHANGED)}
    return [Fact(ORGANISATION, f"{noun}.saved", data)]


def did(kind: str, **data: Any) -> Fact:
    """The fact of any other change: `did("service.deleted", service="shop")`."""
    return Fact(ORGANISATION, kind, {name: _plain(value) for name, value in data.items()})


@contextmanager
def changing() -> Iterator[None]:
    """One transaction that changes the configuration or who has access, and waits for every other such one at its
    first step: so no two wait for each other's rows in a ring, and what it reads stays so until it commits."""
    with transaction.atomic():
        lock_heads([ORGANISATION])
        yield


def record(facts: Sequence[Fact], by: By, now: datetime) -> None:
    """Write `facts` in the caller's transaction and tell everybody who keeps a copy; none: nothing."""
    if facts:
        write(facts, by, now)
        wake(TOPIC)
        transaction.on_commit(_committed)
        _own.hooks = connection.run_on_commit


def pending() -> bool:
    """Whether the running transaction has changed something here. A rollback forgets the hook, and so the answer.

    Asked many times for each page, by threads that change nothing: those are answered without the connection.
    """
    known = getattr(_own, "hooks", None)
    if known is None:
        return False
    hooks = connection.run_on_commit  # grows only; after a rollback, and after the end, it is another list
    if hooks is not known:
        found = any(hook[1] is _committed for hook in hooks)
        _own.hooks = hooks if found else None
        return found
    return True


def changed_at() -> float:
    """When this process last heard that a change has committed, on the monotonic clock: copies made before are old."""
    return _changed_at


_changed_at = 0.0
_own = threading.local()  # `hooks`: the list of this thread's transaction in which a change is noted


def _committed() -> None:
    global _changed_at  # noqa: PLW0603 - of the process, as the copies are
    _changed_at = time.monotonic()


def _hear(topic: str) -> None:
    if topic == TOPIC:
        _committed()


listen(_hear)  # for the life of the process


def _plain(value: Any) -> Any:
    """`value` as JSON can hold it."""
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
