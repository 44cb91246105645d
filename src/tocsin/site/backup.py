"""A backup of an SQLite instance: one file with the database as it stood at one instant, its secret, a manifest.

It is taken beside a running program through a connection that can only read, so nothing stops and nothing is
written beside the writer. (PostgreSQL has better tools of its own: docs/how-to/backup.md.)
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tocsin.kernel.errors import Refused
from tocsin.site.config import Config

FORMAT = 1
MANIFEST, DATABASE, SECRET = "manifest.json", "tocsin.db", "secret.key"
MANIFEST_BYTES_MAX = 64 * 1024
CHUNK = 1024 * 1024
COUNTED = ("journal_entry", "incident_incident", "intake_alert", "intake_inbox", "notification_delivery")


@dataclass(frozen=True)
class Manifest:
    """What a backup says about itself; `rows` and `digests` are checked when it is restored."""

    format: int
    tocsin: str
    made_at: str
    rows: dict[str, int]
    digests: dict[str, str]

    @property
    def made(self) -> datetime:
        """When the backup was made."""
        return datetime.fromisoformat(self.made_at)


def make_backup(config: Config, target: Path, now: datetime) -> Manifest:
    """Write the backup to `target`, whole or not at all. Raises Refused."""
    path = config.sqlite_path
    if path is None:
        raise Refused(
            "The database is PostgreSQL's",
            "pg_dump, which takes a consistent copy beside the running program",
            "docs/how-to/backup.md has the two lines. Keep TOCSIN_SECRET_KEY with the dump.",
        )
    if not path.exists():
        raise Refused("There is no database yet", mend="Start the program once.")
    if target.exists():
        raise Refused(f"{target.name} is there already", "a name that is free")
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".backup-") as made:
            folder = Path(made)
            copy_database(path, folder / DATABASE)
            (folder / SECRET).write_text(config.secret_key)
            manifest = Manifest(
                FORMAT,
                version("tocsin"),
                now.isoformat(),
                rows_of(folder / DATABASE),
                {name: digest_of(folder / name) for name in (DATABASE, SECRET)},
            )
            (folder / MANIFEST).write_text(json.dumps(asdict(manifest), indent=2))
            packed = folder / "packed"
            with tarfile.open(packed, "w:gz", compresslevel=1) as archive:
                for name in (MANIFEST, SECRET, DATABASE):
                    archive.add(folder / name, name)
            with packed.open("rb") as file:
                os.fsync(file.fileno())
            packed.chmod(0o600)
            packed.rename(target)
    except OSError as error:
        raise Refused(
            f"The backup cannot be written ({error.strerror})", "space and a folder that is yours"
        ) from error
    return manifest


def copy_database(source: Path, target: Path) -> None:
    """A copy of the database as it stands now, in one file without a log, checked. Raises Refused."""
    try:
        with (
            closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as reading,
            closing(sqlite3.connect(target)) as copy,
        ):
            reading.backup(copy)  # all pages in one step: a writer goes on beside it and is not in the copy
            copy.execute("PRAGMA journal_mode=DELETE")
        check_database(target)
    except sqlite3.Error as error:
        raise Refused(
            f"The database cannot be copied ({error})", mend="`tocsin doctor` may say why."
        ) from error


def check_database(path: Path) -> None:
    """Raises Refused when SQLite finds a fault in the file."""
    try:
        with closing(sqlite3.connect(path)) as database:
            (said,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        said = str(error)
    if said != "ok":
        raise Refused(f"The copy of the database is damaged ({said})", "one that SQLite finds whole")


def rows_of(path: Path) -> dict[str, int]:
    """How many rows the tables have by which a restore is checked."""
    with closing(sqlite3.connect(path)) as database:
        there = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        return {
            table: database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in COUNTED
            if table in there
        }


def digest_of(path: Path) -> str:
    """The file's SHA-256, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# --- the way back ---


@contextmanager
def unpacked(archive: Path, folder: Path) -> Iterator[Manifest]:
    """Put a backup's files into `folder`, checked; everything is taken away again when the block raises.

    Raises Refused for a folder that holds something, and for a file that is not a whole backup.
    """
    if folder.exists() and any(folder.iterdir()):
        raise Refused(
            "The data folder is not empty", "an empty or a new one", "Choose another with --data.", status=409
        )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        manifest = _extract(archive, folder)
        check_database(folder / DATABASE)
        found = rows_of(folder / DATABASE)
        if found != manifest.rows:
            raise Refused(
                "The database in the backup has other rows than its manifest says", "the rows of the manifest"
            )
        yield manifest
    except BaseException:
        for left in folder.iterdir():
            left.unlink()
        raise


def _extract(archive: Path, folder: Path) -> Manifest:
    """Write the named members, and nothing else, by our own names."""
    try:
        with tarfile.open(archive, "r:gz") as packed:
            manifest = _manifest(packed)
            for name in (SECRET, DATABASE):
                source = packed.extractfile(name)
                if source is None:
                    raise KeyError(name)
                descriptor = os.open(folder / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
                with os.fdopen(descriptor, "wb") as target:
                    while chunk := source.read(CHUNK):
                        target.write(chunk)
                    target.flush()
                    os.fsync(target.fileno())
                if digest_of(folder / name) != manifest.digests.get(name):
                    raise Refused(
                        f"{name} in the backup is not what was put there", "a file with the manifest's digest"
                    )
    except OSError as error:
        raise Refused(
            f"The backup cannot be read ({error.strerror or error})", "a file that `tocsin backup` made"
        ) from error
    except (tarfile.TarError, EOFError, KeyError, ValueError, TypeError) as error:
        raise Refused("This is not a whole backup", "a file that `tocsin backup` made") from error
    return manifest


def _manifest(packed: tarfile.TarFile) -> Manifest:
    member = packed.getmember(MANIFEST)
    source = packed.extractfile(member)
    if source is None or member.size > MANIFEST_BYTES_MAX:
        raise KeyError(MANIFEST)
    said: dict[str, Any] = json.loads(source.read())
    if said.get("format") != FORMAT:
        raise Refused(
            f"The backup has the format {said.get('format')!r}",
            f"format {FORMAT}",
            "Restore it with the newer program.",
        )
    manifest = Manifest(**said)
    _ = manifest.made
    return manifest
