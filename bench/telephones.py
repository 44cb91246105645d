"""Telephones on this machine: a made-up Twilio in a process of its own, which notes when whose telephone got what, and
tells that each message has arrived."""

from __future__ import annotations

import http.client
import multiprocessing
import queue
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from urllib.parse import urlsplit

from tocsin.testing.fakes import Answer, Request
from tocsin.testing.fakes.twilio import SETTINGS, FakeTwilio

RECEIPT_AFTER_S = 1.0


@dataclass(frozen=True)
class Rang:
    """One message or call: `at` is monotonic."""

    at: float
    to: str
    call: bool
    text: str


class _Provider(FakeTwilio):
    """Notes what it takes, and sends the receipt of each message a second later."""

    def __init__(self) -> None:
        self.rang: list[Rang] = []
        self._receipts: queue.SimpleQueue[tuple[float, str, dict[str, str]]] = queue.SimpleQueue()
        super().__init__()
        threading.Thread(target=self._tell, daemon=True).start()

    def respond(self, request: Request) -> Answer:
        """The vendor's answer; what was taken is noted with its time, and its receipt follows."""
        answer, now = super().respond(request), time.monotonic()
        if answer.status == 201:
            call = request.path.endswith("/Calls.json")
            sid = str(answer.data["sid"])
            text = str(request.data.get("Twiml" if call else "Body"))
            self.rang.append(Rang(now, str(request.data["To"]), call, text))
            form = (
                {"CallSid": sid, "CallStatus": "completed"}
                if call
                else {"MessageSid": sid, "MessageStatus": "delivered"}
            )
            self._receipts.put((now + RECEIPT_AFTER_S, str(request.data["StatusCallback"]), form))
        return answer

    def _tell(self) -> None:
        while True:
            at, url, form = self._receipts.get()
            time.sleep(max(0.0, at - time.monotonic()))
            said = self.says(url, form)
            where = urlsplit(url)
            with (
                suppress(OSError),  # the program has ended
                closing(http.client.HTTPConnection(where.netloc, timeout=10)) as connection,
            ):
                connection.request("POST", f"{where.path}?{where.query}", said.body, dict(said.headers))
                connection.getresponse().read()


def _serve(pipe: Connection) -> None:
    provider = _Provider()
    pipe.send(provider.url)
    while pipe.recv() == "rang":
        pipe.send(list(provider.rang))


class Telephones:
    """Use as a context manager; `settings` are those of an account of the vendor `twilio`."""

    def __enter__(self) -> Telephones:
        self._pipe, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.get_context("fork").Process(
            target=_serve, args=(theirs,), daemon=True
        )
        self._process.start()
        self.settings = {**SETTINGS, "api_url": str(self._pipe.recv())}
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join(10)

    def rang(self) -> list[Rang]:
        """Everything so far, the oldest first."""
        self._pipe.send("rang")
        rang: list[Rang] = self._pipe.recv()
        return sorted(rang, key=lambda one: one.at)
