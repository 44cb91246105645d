"""One sender that sends as much as it can, in a process of its own that leaves the others the processor."""

from __future__ import annotations

import multiprocessing
import os
import time
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event

from bench.load import drive
from bench.measures import RUN
from bench.targets import Tocsin, alert

BATCH = 100
KEYS = 20_000  # distinct alerts, again and again
CONNECTIONS = 16
ROUND_S = 1.0
REFUSED_WITHIN_S = 15.0  # what it may send at once has run out by then, or never does on this machine
POLITE = 10  # nice


def _pour(port: int, requests: list[bytes], pipe: Connection, over: Event) -> None:
    os.nice(POLITE)  # a real one is another machine, and does not take the processor from the program
    offered = refused = 0
    began = time.monotonic()
    while not pipe.poll():
        driven = drive(port, requests * 50, CONNECTIONS, limit=ROUND_S)
        ended = [status for status in driven.status if status]
        offered += len(ended) * BATCH
        refused += sum(status == 429 for status in ended) * BATCH
        if 429 in ended and not over.is_set():
            over.set()
            offered = refused = 0
            began = time.monotonic()
    seconds = time.monotonic() - began
    pipe.send((offered / seconds, refused / seconds))


class Flood:
    """Use as a context manager: inside, it is over its quota. `rates` are the alerts a second that it offered, and
    those of them that were refused as too many; known at the end."""

    rates = (0.0, 0.0)

    def __init__(self, ours: Tocsin, key: str, tag: str) -> None:
        requests = [
            ours.request_with(
                key, [alert("noisy", f"{RUN}{tag}{n + i}", "Noisy", "warning") for i in range(BATCH)]
            )
            for n in range(0, KEYS, BATCH)
        ]
        self._pipe, theirs = multiprocessing.Pipe()
        self._over = multiprocessing.Event()
        self._process = multiprocessing.get_context("fork").Process(
            target=_pour, args=(ours.port, requests, theirs, self._over), daemon=True
        )

    def __enter__(self) -> Flood:
        self._process.start()
        self._over.wait(REFUSED_WITHIN_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.send("end")
        self.rates = self._pipe.recv()
        self._process.join(10)
