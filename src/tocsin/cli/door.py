"""How a command reaches the instance: through the API of the running program, or, while it is stopped, by opening
the data folder and asking the same API inside this process. So every command is written once.

1. With TOCSIN_TOKEN (or TOCSIN_TOKEN_FILE): the program at TOCSIN_URL, on whatever machine.
2. Else the data folder of this machine (TOCSIN_DATA, ./data by default): while a program runs on it, that program,
   with the token that lies there for the folder's owner; otherwise the folder itself, under its lock.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

from tocsin.cli.say import complain
from tocsin.kernel.errors import Refused

PREFIX = "/api/v1/"
SECONDS = 60.0
START_SECONDS = 10.0  # a program that has the lock and no address yet is starting
ROWS_MAX = 10_000  # of one listing
LOOPBACK = ("127.0.0.1", "::1", "localhost")

Json = Any
Query = Mapping[str, Any]


class Way(Protocol):
    """Carries one request; returns the status and the body."""

    def carry(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """The status and the body of the answer. Raises Refused when nobody answers."""


class Door:
    """The API of one instance."""

    def __init__(self, way: Way, token: str) -> None:
        self._way = way
        self._token = token

    @property
    def running(self) -> bool:
        """Whether a running program answers, so that what is queued goes."""
        return not isinstance(self._way, Inside)

    def get(self, path: str, **query: Any) -> Json:
        """What the API answers. Raises Refused with what it says against it."""
        return self.ask("GET", path, query=query)

    def post(self, path: str, body: Json = None) -> Json:
        """What the API answers. Raises Refused with what it says against it."""
        return self.ask("POST", path, body)

    def put(self, path: str, body: Json) -> Json:
        """What the API answers. Raises Refused with what it says against it."""
        return self.ask("PUT", path, body)

    def delete(self, path: str) -> Json:
        """What the API answers. Raises Refused with what it says against it."""
        return self.ask("DELETE", path)

    def ask(self, method: str, path: str, body: Json = None, query: Query | None = None) -> Json:
        """The answer's JSON (None without a body); `path` stands below /api/v1/. Raises Refused as the API does."""
        wanted = {name: value for name, value in (query or {}).items() if value not in (None, "", [])}
        address = PREFIX + path + ("?" + urlencode(wanted, doseq=True) if wanted else "")
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        data = b""
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        status, answer = self._way.carry(method, address, headers, data)
        if 200 <= status < 300:
            return json.loads(answer) if answer else None
        raise _refused(status, answer)

    def every(self, path: str, most: int = ROWS_MAX, **query: Any) -> Iterator[Json]:
        """The rows of a listing, page after page, at most `most`."""
        cursor: str | None = None
        while most > 0:
            page = self.get(path, **query, cursor=cursor, limit=min(most, 200))
            yield from page["items"]
            most -= len(page["items"])
            cursor = page["next"]
            if cursor is None:
                return


class SeveralRefused(Refused):
    """A refusal that names every mistake, one a line, as an editor can jump to them."""

    def __init__(self, refused: Refused, problems: Sequence[Refused]) -> None:
        super().__init__(refused.what, refused.expected, refused.mend, refused.where, refused.status)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join([*(str(problem) for problem in self.problems), super().__str__()])


def _refused(status: int, answer: bytes) -> Refused:
    try:
        said = json.loads(answer)
        refused = _one(said["error"], status)
        several = [_one(problem, status) for problem in said.get("problems") or ()]
    except (ValueError, KeyError, TypeError, AttributeError):
        return Refused(
            f"The program answered {status} and no explanation",
            mend="Is TOCSIN_URL the address of a Tocsin of this version?",
            status=status,
        )
    return SeveralRefused(refused, several) if several else refused


def _one(said: Mapping[str, str], status: int) -> Refused:
    return Refused(said["what"], said["expected"], said["mend"], said["where"], status)


class Network:
    """To a running program."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)

    def carry(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """The status and the body of the answer, after at most SECONDS. Raises Refused when nobody answers."""
        # Late, as all of this: a command that only prints its help should not pay for it.
        from http.client import HTTPConnection, HTTPException, HTTPSConnection

        url = self._url
        kind = HTTPSConnection if url.scheme == "https" else HTTPConnection
        connection = kind(url.hostname or "", url.port, timeout=SECONDS)
        try:
            connection.request(method, url.path.rstrip("/") + path, body, dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, HTTPException) as error:
            place = f"{url.scheme}://{url.netloc.rpartition('@')[2]}"
            raise Refused(
                f"No Tocsin answers at {place} ({error})", mend="Is it running, and is the address right?"
            ) from error
        finally:
            connection.close()


class Inside:
    """To the data folder itself: Django in this process answers."""

    def __init__(self) -> None:
        from django.core.handlers.wsgi import WSGIHandler

        self._app = WSGIHandler()

    def carry(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """The status and the body of the answer that the program's own pages give, without a server."""
        from tocsin.site.pages import answer_of, environ_of

        path, _, query = path.partition("?")
        scope = {
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "http_version": "1.1",
            "scheme": "http",
            "server": ("localhost", 80),
            "client": ("127.0.0.1", 0),
            "headers": [
                (b"host", b"localhost"),
                *((name.lower().encode(), value.encode()) for name, value in headers.items()),
            ],
        }
        made = answer_of(self._app, environ_of(scope, body))
        return made.status, made.body


@contextmanager
def open_door() -> Iterator[Door]:
    """The way to the instance. Raises Refused when there is none."""
    if token := _given_token():
        yield _elsewhere(token)
        return
    folder = data_folder()
    if address := running_at(folder):
        yield Door(Network(address), read_private(folder / "token"))
        return
    with opened_folder() as token:
        yield Door(Inside(), token)


def _given_token() -> str:
    if file := os.environ.get("TOCSIN_TOKEN_FILE"):
        return read_private(Path(file))
    return os.environ.get("TOCSIN_TOKEN", "").strip()


def _elsewhere(token: str) -> Door:
    from tocsin.site.config import DEFAULT_URL

    url = os.environ.get("TOCSIN_URL", DEFAULT_URL)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Refused(f"{url!r} is not an address", "http://host:port or https://host", where="TOCSIN_URL")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        complain("the token goes to another machine without TLS; https would keep it secret.")
    return Door(Network(url), token)


def data_folder() -> Path:
    """The folder of this machine's instance. Raises Refused when there is none."""
    from tocsin.site.config import given

    folder = Path(given(os.environ).get("DATA", "data")).absolute()
    if not folder.is_dir():
        raise Refused(
            "There is no data folder here",
            "the folder that `tocsin run` has made",
            "Set TOCSIN_DATA to it; or TOCSIN_URL and TOCSIN_TOKEN for a program elsewhere.",
        )
    return folder


def running_at(folder: Path) -> str | None:
    """The local address of the program that runs on `folder`; None while it is stopped."""
    from tocsin.site.lock import is_held

    address = folder / "address"
    patience = time.monotonic() + START_SECONDS
    while True:
        held = is_held(folder)
        if address.exists():
            url = address.read_text().strip()
            if held or _answers(
                url
            ):  # nodes on PostgreSQL hold no lock; after a kill an address may be left over
                return url
            return None
        if not held:
            return None
        if time.monotonic() > patience:
            raise Refused(
                "A Tocsin has this data folder locked and does not say where it listens",
                mend="It may be starting or ending, or another command is at work. Try again in a moment.",
                status=409,
            )
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        status, _ = Network(url).carry("GET", "/healthz", {}, b"")
    except Refused:
        return False
    return status in (200, 503)


@contextmanager
def opened_folder() -> Iterator[str]:
    """Hold the data folder, with its database up to date; gives the token of its command line. Raises Refused."""
    from tocsin.site.run import held_folder, set_up

    config = set_up()
    with held_folder(config):
        from tocsin import channels
        from tocsin.site.clock import now
        from tocsin.site.first_run import keep_local_token
        from tocsin.site.schema import upgrade

        channels.wire(config, config.secret_key)
        upgrade()
        token = keep_local_token(config.data, now())
        if token is None:
            raise Refused(
                "The account of the command line is switched off", mend="Switch it on under People."
            )
        yield token


def read_private(path: Path) -> str:
    """The secret in a file. Raises Refused when it cannot be read."""
    try:
        return path.read_text().strip()
    except OSError as error:
        raise Refused(
            f"The token in {path.name} cannot be read ({error.strerror})",
            "a file that belongs to you",
            "Run this as the owner of the data folder, or set TOCSIN_URL and TOCSIN_TOKEN.",
        ) from error
