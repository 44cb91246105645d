"""`tocsin run`: web, API, intake and engine in one process.

What happens, in this order:
1. the port is taken, so that a mistake in it shows at once;
2. the data folder is locked (SQLite), the database is brought up to date, the demo is made when asked for;
3. the engine, the sender and what keeps the database well begin, each in a thread;
4. the server answers, and the address is printed.
At the end (SIGTERM, Ctrl-C) it goes backwards, and never takes longer than `program.END_SECONDS`.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from tocsin.kernel.errors import Refused
from tocsin.site.config import PREFIX, Config, given
from tocsin.site.lock import FolderLock
from tocsin.site.logs import set_up_logs

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8000
BACKLOG = 2048


def run(host: str, port: int, data: Path | None, demo: bool) -> None:
    """Run until a signal ends it. Raises Refused when it cannot begin."""
    if data is not None:
        os.environ[PREFIX + "DATA"] = str(data)
    listening = take_port(host, port)
    local = local_address(listening)
    if "URL" not in given(os.environ):
        os.environ[PREFIX + "URL"] = local
    config = set_up()
    with held_folder(config):
        from tocsin.site.program import Program  # its imports need Django to be set up

        program = Program(config, listening, local)
        program.prepare(demo)
        program.run()


def set_up() -> Config:
    """Make Django and the logs ready from the environment; returns the configuration. Raises Refused."""
    os.umask(0o077)  # what is written here is for its owner
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tocsin.site.settings")
    import django
    from django.conf import settings

    config: Config = settings.CONFIG
    set_up_logs(config.log, config.log_format)
    django.setup()
    return config


def read_only(config: Config) -> None:
    """From here on, this process cannot write to the SQLite database: another one is its only writer."""
    from django.db import connection

    if config.sqlite_path is not None:
        connection.settings_dict["NAME"] = f"{config.sqlite_path.as_uri()}?mode=ro"


def take_port(host: str, port: int) -> socket.socket:
    """A socket bound to the address, not yet listening. Raises Refused when somebody else has it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    taken = socket.socket(family, socket.SOCK_STREAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((host, port))
        taken.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        taken.close()
        raise Refused(
            f"The program cannot listen on {host}:{port} ({getattr(error, 'strerror', None) or error})",
            "an address of this machine and a free port",
            "Choose another with --host and --port, or end what is using it.",
        ) from error
    return taken


def local_address(listening: socket.socket) -> str:
    """The address under which this machine itself reaches the program."""
    host, port = listening.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1" if host == "0.0.0.0" else "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextlib.contextmanager
def held_folder(config: Config) -> Iterator[None]:
    """On SQLite, this process alone uses the database while the block runs. Raises Refused."""
    if config.sqlite_path is None:
        yield
        return
    config.sqlite_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FolderLock(config.sqlite_path.parent):
        yield
