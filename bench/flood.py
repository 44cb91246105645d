"""One sender that sends as much as it can, in a process of its own that leaves the others the processor."""

from __future__ import annotations

import multiprocessing
import os
import time
from multiprocessing.connection import Connection

from bench.load import drive
from bench.measures import RUN
from bench.targets import Tocsin, alert

BATCH = 100
KEYS = 20_000  # distinct alerts, again and again
CONNECTIONS = 16
ROUND_S = 1.0
HEAD_START_S = 1.0
POLITE = 10  # nice


def _pour(port: int, requests: list[bytes], pipe: Connection) -> None:
    os.nice(POLITE)  # a real one is another machine, and does not take the processor from the program
    offered = refused = 0
    while not pipe.poll():
        driven = drive(port, requests * 50, CONNECTIONS, limit=ROUND_S)
        ended = [status for status in driven.status if status]
        offered += len(ended) * BATCH
        refused += sum(status == 429 for status in ended) * BATCH
    pipe.send((offered, refused))


class Flood:
    """Use as a context manager; `counts` are the alerts offered and those refused as too many, known at its end."""

    counts = (0, 0)

    def __init__(self, ours: Tocsin, key: str, tag: str) -> None:
        requests = [
            ours.request_with(
                key, [alert("noisy", f"{RUN}{tag}{n + i}", "Noisy", "warning") for i in range(BATCH)]
            )
            for n in range(0, KEYS, BATCH)
        ]
        self._pipe, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.get_context("fork").Process(
            target=_pour, args=(ours.port, requests, theirs), daemon=True
        )

    def __enter__(self) -> Flood:
        self._process.start()
        time.sleep(HEAD_START_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.send("end")
        self.counts = self._pipe.recv()
        self._process.join(10)
