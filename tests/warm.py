"""Programs that start at once: a process that has loaded the libraries forks one for each.

Most of what a start costs is the loading of libraries, the same each time, and the suite starts some two hundred
programs. So each process of the suite keeps one beside it that has loaded them, and nothing of Tocsin's. What it forks
goes on as `python -m MODULE` would: its own process, environment, settings and end. That a start from nothing works
too is what tests/test_wheel.py is about.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[1]
# What programs load and Django's settings do not touch; a name that is missing here costs time, nothing else.
LIBRARIES = (
    "asyncio", "argon2", "cryptography.fernet", "cryptography.x509", "cyclopts", "cyclopts.help", "fido2.features",
    "fido2.server", "holidays", "http_ece", "httpcore2", "httptools", "httpx2", "idna", "joserfc.jwk", "joserfc.jwt",
    "msgspec", "prometheus_client", "psycopg", "psycopg.types.multirange", "pydantic", "pydantic.dataclasses",
    "pydantic.json_schema", "pydantic.networks", "pydantic.types", "qrcode", "recurring_ical_events",
    "rich.markdown", "smtplib", "structlog", "tomllib", "uvicorn", "uvicorn.protocols.http.httptools_impl",
    "uvloop", "yaml", "django.contrib.auth.hashers", "django.core.mail", "django.core.management",
    "django.core.wsgi", "django.db.backends.postgresql.base", "django.db.backends.sqlite3.base",
    "django.db.migrations.executor", "django.forms", "django.middleware.gzip", "django.shortcuts",
    "django.template.defaulttags", "django.template.loader", "django.utils.dateformat",
    "django.views.decorators.http", "django_htmx.middleware",
)  # fmt: skip
LENGTH_BYTES = 4
_asking = threading.Lock()  # one request at a time, whatever thread it comes from


class Program:
    """A program that was forked: what the suite uses of `subprocess.Popen`."""

    def __init__(self, pid: int, ended: socket.socket) -> None:
        self.pid, self._ended = pid, ended
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code, as `subprocess` has it; None while it runs."""
        return self._code_within(0)

    def wait(self, seconds: float | None = None) -> int:
        code = self._code_within(seconds)
        if code is None:
            raise subprocess.TimeoutExpired(str(self.pid), seconds or 0)
        return code

    def send_signal(self, which: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it ended this very moment, and its code is on its way
                os.kill(self.pid, which)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _code_within(self, seconds: float | None) -> int | None:
        if self.returncode is None and select.select([self._ended], [], [], seconds)[0]:
            self.returncode = int(_line(self._ended))
            self._ended.close()
        return self.returncode


def start(
    module: str,
    words: Sequence[str],
    env: Mapping[str, str],
    stdin: IO[Any],
    stdout: IO[Any],
    stderr: IO[Any],
) -> Program:
    """`python -m MODULE WORDS…`, with `env` as its whole environment."""
    request = json.dumps(
        {"module": module, "words": words, "env": dict(env), "cwd": str(Path.cwd())}
    ).encode()
    ours, theirs = socket.socketpair()
    with theirs, _asking:
        streams = [each.fileno() for each in (stdin, stdout, stderr, theirs)]
        socket.send_fds(_nursery(), [len(request).to_bytes(LENGTH_BYTES)], streams)
        _nursery().sendall(request)
    return Program(int(_line(ours)), ours)


def run(
    module: str, *words: str, env: Mapping[str, str], stdin: str = "", seconds: float = 120
) -> subprocess.CompletedProcess[str]:
    """The same to its end, with what it said."""
    with TemporaryFile("w+") as given, TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        given.write(stdin)
        given.seek(0)
        program = start(module, words, env, given, out, err)
        try:
            code = program.wait(seconds)
        finally:
            program.kill()
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess([module, *words], code, out.read(), err.read())


@cache
def _nursery() -> socket.socket:
    """The way to the process that forks, which ends with this one."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.warm", str(theirs.fileno())],
            cwd=ROOT,
            env=os.environ | {"PYTHONWARNINGS": "default"},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
        )

    def close() -> None:
        ours.close()
        process.wait()

    atexit.register(close)
    return ours


def _line(stream: socket.socket) -> str:
    """One line, and not a byte of the next."""
    line = b""
    while not line.endswith(b"\n"):
        byte = stream.recv(1)
        assert byte, "the process that forks programs has ended; see what `python -m tests.warm 0` says"
        line += byte
    return line.decode()


# -- in the process that forks ---------------------------------------------------------------------------------------


def serve(control: socket.socket) -> str | None:
    """Fork until nobody asks any more, then return None; in what was forked, return the module that it is to run."""
    while True:
        length, streams, _, _ = socket.recv_fds(control, LENGTH_BYTES, 4)
        if not length:
            return None
        request = json.loads(control.recv(int.from_bytes(length), socket.MSG_WAITALL))
        if os.fork() == 0:
            control.close()
            return _begin(request, streams)
        for each in streams:
            os.close(each)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:  # whoever has ended, so that their time is counted
                pass


def _begin(request: Mapping[str, Any], streams: Sequence[int]) -> str:
    """Fork once more, into the program, where this returns, and its parent, which only tells how it ended."""
    *standard, ended = streams
    program = os.fork()
    if program:
        for each in standard:
            os.close(each)
        os.write(ended, f"{program}\n".encode())
        _Orphaned(ended, program).start()
        # Without reaping it yet, so that its id is nobody else's for as long as it may be killed.
        os.waitid(os.P_PID, program, os.WEXITED | os.WNOWAIT)
        _Orphaned.over.set()
        code = os.waitstatus_to_exitcode(os.waitpid(program, 0)[1])
        with suppress(BrokenPipeError):
            os.write(ended, f"{code}\n".encode())
        os._exit(0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, each in enumerate(standard):
        os.dup2(each, number)
    for each in streams:
        os.close(each)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    sys.argv[1:] = request["words"]
    module: str = request["module"]
    return module


class _Orphaned(threading.Thread):
    """Ends a program whose test has gone away: killed, or interrupted."""

    over = threading.Event()

    def __init__(self, ended: int, program: int) -> None:
        super().__init__(daemon=True)
        self.ended, self.program = ended, program

    def run(self) -> None:
        with suppress(OSError):
            os.read(self.ended, 1)  # nothing is ever sent this way, so this is its end
        if not self.over.is_set():
            os.kill(self.program, signal.SIGKILL)


def main(control: socket.socket) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests; this ends when they do
    for name in LIBRARIES:
        importlib.import_module(name)
    gc.freeze()
    module = serve(control)
    if module is not None:
        runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as asked:
        main(asked)
