"""Wake-ups: a commit tells who waits that there is something to look at. Hints only; the truth is in the tables.

Topics are short texts such as "inbox", "duties", "deliveries" or "incident:412". Between nodes they travel by
PostgreSQL's NOTIFY, which the database itself sends at commit.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from django.db import connection, transaction

CHANNEL = "tocsin"
_listeners: list[Callable[[str], None]] = []
_lock = threading.Lock()


def listen(listener: Callable[[str], None]) -> Callable[[], None]:
    """Call `listener(topic)` after each commit that woke something; it must return at once and never raise.
    Returns the function that ends it."""
    with _lock:
        _listeners.append(listener)

    def end() -> None:
        with _lock:
            _listeners.remove(listener)

    return end


def deliver(topic: str) -> None:
    """Tell the listeners of this process."""
    for listener in tuple(_listeners):
        listener(topic)


def wake(*topics: str) -> None:
    """Tell everybody, here and on other nodes, once the running transaction has committed."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            for topic in topics:
                cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, topic])
    for topic in topics:
        transaction.on_commit(lambda topic=topic: deliver(topic))  # type: ignore[misc]
