"""A PostgreSQL server for tests: one that is there, or a throw-away cluster from Debian's binaries.

From a shell: `python -m tests.postgres COMMAND…` runs COMMAND with TOCSIN_DATABASE_URL set to it.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from tests import memory
from tests.patience import PATIENCE
from tests.ports import own_port

memory.use()
CONNECTIONS_MAX = 400  # of all the suite's processes, and of the programs that they start
# What a server on the usual port is asked with, before giving up on it and starting our own.
_USUAL = (
    "postgresql://postgres@127.0.0.1:5432/postgres",
    "postgresql://postgres:postgres@127.0.0.1:5432/postgres",
)


class Absent(Exception):
    """No PostgreSQL can be had here; the message says why."""


@contextmanager
def server() -> Iterator[str]:
    """The address of a server where databases may be made; ends what it started."""
    if found := os.environ.get("TOCSIN_DATABASE_URL") or _answering():
        yield found
        return
    with _cluster() as url:
        yield url


def with_database(url: str, name: str) -> str:
    """The same server, another database."""
    return urlsplit(url)._replace(path=f"/{name}").geturl()


@contextmanager
def database(url: str, name: str) -> Iterator[str]:
    """The address of a fresh, empty database on the server at `url`; it is dropped afterwards."""
    admin = with_database(url, "postgres")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
    try:
        yield with_database(url, name)
    finally:
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _answering() -> str | None:
    """A server on the usual port that lets us make databases, or None."""
    for url in _USUAL:
        try:
            with psycopg.connect(url, connect_timeout=3) as connection:
                row = connection.execute(
                    "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
                ).fetchone()
        except psycopg.OperationalError:
            continue
        if row and row[0]:
            return url
    return None


def _binaries() -> Path:
    """The folder with initdb and postgres. Raises Absent."""
    newest_first = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    on_path = shutil.which("initdb")
    if not newest_first and not on_path:
        raise Absent("PostgreSQL is not installed (apt-get install postgresql)")
    return (newest_first[0] if newest_first else Path(str(on_path)).resolve()).parent


@contextmanager
def _cluster() -> Iterator[str]:
    """A cluster in a temporary folder on a free port, with the durability PostgreSQL has by default."""
    binaries = _binaries()
    # PostgreSQL refuses to run as root; Debian's package brings the user `postgres`.
    account: str | None = None
    if os.geteuid() == 0:
        try:
            account = pwd.getpwnam("postgres").pw_name
        except KeyError:
            raise Absent("PostgreSQL does not run as root and there is no user named postgres") from None
    folder = Path(tempfile.mkdtemp(prefix="tocsin-postgres-"))
    if account:
        shutil.chown(folder, account)
    try:
        subprocess.run(
            [binaries / "initdb", "-D", folder / "db", "-U", "postgres", "-A", "trust", "-E", "UTF8",
             "--no-locale", "--no-sync"],
            check=True, user=account, stdout=subprocess.DEVNULL, cwd=folder,
        )  # fmt: skip
        with own_port() as port, (folder / "log").open("wb") as log:
            postmaster = subprocess.Popen(
                [binaries / "postgres", "-D", folder / "db", "-p", str(port), "-h", "127.0.0.1", "-k", ".",
                 "-c", f"max_connections={CONNECTIONS_MAX}",
                 # Else rows that tie change their order when it has looked at a table, whenever that is.
                 "-c", "autovacuum=off"],
                user=account, stdout=log, stderr=log, cwd=folder,
            )  # fmt: skip
            try:
                url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
                _wait_until_it_answers(url, postmaster, folder / "log")
                yield url
            finally:
                postmaster.send_signal(signal.SIGINT)  # a fast shutdown: sessions are ended, data is kept
                try:
                    postmaster.wait(30)
                except subprocess.TimeoutExpired:
                    postmaster.kill()
                    postmaster.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_it_answers(url: str, postmaster: subprocess.Popen[bytes], log: Path) -> None:
    last = time.monotonic() + PATIENCE
    while time.monotonic() < last:
        if postmaster.poll() is not None:
            break
        with suppress(psycopg.OperationalError), psycopg.connect(url, connect_timeout=2):
            return
        time.sleep(0.1)
    raise Absent(f"PostgreSQL did not start: {log.read_text(errors='replace')[-2000:]}")


def main(command: list[str]) -> int:
    """Run `command` against a server; returns its exit code, 3 when no server can be had."""
    if not command:
        print("usage: python -m tests.postgres COMMAND…", file=sys.stderr)
        return 2
    try:
        with server() as url:
            print(f"PostgreSQL for this run: {url}", flush=True)
            environ = os.environ | {"TOCSIN_DATABASE_URL": with_database(url, "tocsin")}
            return subprocess.run(command, env=environ, check=False).returncode
    except Absent as why:
        print(why, file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
