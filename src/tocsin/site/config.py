"""What the administrator may set, from the environment or a TOML file (`TOCSIN_CONFIG`); the environment wins."""

from __future__ import annotations

import hmac
import ipaddress
import os
import re
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tocsin.kernel.errors import Refused
from tocsin.people.rules import Language

PREFIX = "TOCSIN_"
DEFAULT_URL = "http://127.0.0.1:8000"
LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("console", "json")
REPORTS = ("chat", "mail", "public")
_DOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,188}[a-z0-9])?\Z")
NAMES = {
    "DATA": "folder of the database, the secret key and the local token (default: ./data)",
    "DATABASE_URL": "postgresql://user:password@host/name; left out: SQLite in the data folder",
    "URL": "public address, as it stands in messages (default: http://127.0.0.1:8000)",
    "SECRET_KEY": "signs sessions and act-links (default: made once and kept in the data folder)",
    "SMTP_URL": "smtp://user:password@host:587?from=tocsin@example.com; smtps:// for TLS from the start",
    "ALLOWED_NETWORKS": "inner networks outgoing webhooks may reach, comma-separated (default: none)",
    "TRUSTED_PROXIES": "addresses whose X-Forwarded-For and -Proto are believed (default: none)",
    "LOG": "debug, info, warning or error (default: info)",
    "LOG_FORMAT": "console or json (default: console)",
    "MAIL_LISTEN": "host:port where letters are taken in by SMTP, such as 127.0.0.1:2525 (default: nowhere)",
    "MAIL_DOMAIN": "domain of the mailboxes whose letters come there (default: the host of TOCSIN_URL)",
    "REPORTS": "from whom reports are taken without an account: chat, mail, public, comma-separated (default: chat)",
    "REPORT_SERVICE": "id of the service of reports that name none (default: the most critical one)",
    "LANGUAGE": "en, de, es or fr: of rooms, and of who reports without an account (default: en)",
    "LAST_RESORT": "path of a program that is run with the incident's JSON when nobody can be reached (default: none)",
    "BREAK_GLASS": "path of the list of whom to tell then, with accounts of their own; mode 0600 (default: none)",
    "NODE": "this node's name among several (default: made from host and process)",
}


@dataclass(frozen=True)
class Config:
    """Read once, when the settings are imported."""

    data: Path
    database_url: str
    url: str
    secret_key: str
    smtp_url: str
    allowed_networks: tuple[str, ...]
    trusted_proxies: tuple[str, ...]
    log: str
    log_format: str
    node: str
    reports: tuple[str, ...] = ("chat",)
    report_service: str = ""
    language: str = Language.ENGLISH
    last_resort: str = ""
    break_glass: str = ""
    mail_listen: tuple[str, int] | None = None
    mail_domain: str = ""  # "" while no letters are taken in

    @property
    def seal_key(self) -> bytes:
        """What the journal's seals are signed with; derived, so that one secret is all there is to keep."""
        return hmac.digest(self.secret_key.encode(), b"tocsin journal seal", "sha256")

    @property
    def sqlite_path(self) -> Path | None:
        """The database file, or None on PostgreSQL."""
        url = urlsplit(self.database_url)
        if not self.database_url:
            return self.data / "tocsin.db"
        return Path(unquote(url.path)) if url.scheme == "sqlite" else None

    @property
    def https(self) -> bool:
        """Whether the public address is with TLS."""
        return self.url.startswith("https://")

    @property
    def host(self) -> str:
        """The host of the public address, without its port."""
        return urlsplit(self.url).hostname or "127.0.0.1"


def given(environ: Mapping[str, str]) -> dict[str, str]:
    """What the administrator has set, by name; the environment wins over the file. Raises Refused."""
    values = _from_file(environ.get(PREFIX + "CONFIG", ""))
    return values | {name: environ[PREFIX + name] for name in NAMES if environ.get(PREFIX + name)}


def read_config(environ: Mapping[str, str]) -> Config:
    """The configuration; makes the data folder and the secret key when they are absent. Raises Refused."""
    values = given(environ)
    url = values.get("URL", DEFAULT_URL).rstrip("/")
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise Refused(f"{url!r} is not an address", "http://host:port or https://host", where="TOCSIN_URL")
    data = Path(values.get("DATA", "data")).absolute()
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Config(
        data=data,
        database_url=values.get("DATABASE_URL", ""),
        url=url,
        secret_key=values.get("SECRET_KEY") or _kept_key(data / "secret.key"),
        smtp_url=values.get("SMTP_URL", ""),
        allowed_networks=_networks(values, "ALLOWED_NETWORKS"),
        trusted_proxies=_networks(values, "TRUSTED_PROXIES"),
        log=_one_of(values, "LOG", LOG_LEVELS, "info"),
        log_format=_one_of(values, "LOG_FORMAT", LOG_FORMATS, "console"),
        node=values.get("NODE", f"{os.uname().nodename}-{os.getpid()}")[:64],
        reports=_some_of(values, "REPORTS", REPORTS, "chat"),
        report_service=values.get("REPORT_SERVICE", ""),
        language=_one_of(values, "LANGUAGE", tuple(Language), Language.ENGLISH),
        last_resort=_program(values.get("LAST_RESORT", "")),
        break_glass=values.get("BREAK_GLASS", ""),
        mail_listen=(listen := _listen(values.get("MAIL_LISTEN", ""))),
        mail_domain=_domain(values.get("MAIL_DOMAIN", urlsplit(url).hostname or "")) if listen else "",
    )


def _from_file(path: str) -> dict[str, str]:
    """The settings of the TOML file, by their names in the environment; {} without a file."""
    if not path:
        return {}
    try:
        with Path(path).open("rb") as file:
            found = tomllib.load(file)
    except OSError as error:
        raise Refused(
            f"The configuration file cannot be read ({error.strerror})", where="TOCSIN_CONFIG"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise Refused(f"The configuration file is not TOML: {error}", where="TOCSIN_CONFIG") from error
    values = {}
    for name, value in found.items():
        if name.upper() not in NAMES:
            raise Refused(
                f"Unknown setting {name!r}", f"one of {', '.join(NAMES).lower()}", where="TOCSIN_CONFIG"
            )
        values[name.upper()] = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return values


def _networks(values: Mapping[str, str], name: str) -> tuple[str, ...]:
    parts = [part.strip() for part in values.get(name, "").split(",") if part.strip()]
    for part in parts:
        try:
            ipaddress.ip_network(part)
        except ValueError as error:
            raise Refused(
                f"{part!r} is not a network", "addresses such as 10.0.0.0/8 or 127.0.0.1", where=PREFIX + name
            ) from error
    return tuple(parts)


def _one_of(values: Mapping[str, str], name: str, choices: tuple[str, ...], default: str) -> str:
    value = values.get(name, default).lower()
    if value not in choices:
        raise Refused(f"{value!r} is not known", f"one of {', '.join(choices)}", where=PREFIX + name)
    return value


def _listen(text: str) -> tuple[str, int] | None:
    """Where letters are taken in; None for nowhere. Raises Refused."""
    if not text:
        return None
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise Refused(f"{text!r} is no place to listen", "127.0.0.1:2525", where=PREFIX + "MAIL_LISTEN")
    return host.strip("[]"), int(port)


def _program(text: str) -> str:
    """The path of a program that can be run; "" for none. Raises Refused: better now than when it is needed."""
    if text and not (Path(text).is_absolute() and Path(text).is_file() and os.access(text, os.X_OK)):
        raise Refused(
            f"{text!r} is no program that can be run",
            "the whole path of a file that may be executed",
            where=PREFIX + "LAST_RESORT",
        )
    return text


def _domain(text: str) -> str:
    if not _DOMAIN.match(text.lower()):
        raise Refused(
            f"{text!r} is not a domain", "one such as tocsin.example.com", where=PREFIX + "MAIL_DOMAIN"
        )
    return text.lower()


def _some_of(values: Mapping[str, str], name: str, choices: tuple[str, ...], default: str) -> tuple[str, ...]:
    parts = [part.strip().lower() for part in values.get(name, default).split(",") if part.strip()]
    for part in parts:
        if part not in (*choices, "none"):
            raise Refused(
                f"{part!r} is not known", f"some of {', '.join(choices)}, or none", where=PREFIX + name
            )
    return tuple(part for part in parts if part != "none")


def _kept_key(path: Path) -> str:
    """The secret key of this data folder, made at the first call; readable by its owner only."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(48))
        file.flush()
        os.fsync(file.fileno())
    return path.read_text().strip()


def database_settings(config: Config) -> dict[str, object]:
    """Django's DATABASES entry. Raises Refused for an address that is neither PostgreSQL's nor SQLite's."""
    if config.sqlite_path:
        return sqlite_settings(config.sqlite_path)
    url = urlsplit(config.database_url)
    if url.scheme not in ("postgres", "postgresql"):
        raise Refused(
            f"Database address begins with {url.scheme!r}",
            "postgresql://user:password@host/name",
            where="TOCSIN_DATABASE_URL",
        )
    return {
        "ENGINE": "tocsin.journal.postgres",
        "NAME": unquote(url.path.lstrip("/")),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": url.hostname or "",
        "PORT": str(url.port or ""),
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": 3,
            # A statement that hangs must not hold a page back; the primary only, never a standby.
            "options": "-c statement_timeout=5000 -c synchronous_commit=on -c timezone=UTC",
            "target_session_attrs": "read-write",
        },
    }


def sqlite_settings(path: Path) -> dict[str, object]:
    """Django's settings for a SQLite file: every commit is synced, every transaction takes the write lock at its start
    and waits for it 10 s at most, and checkpoints are left to `Checkpointer`."""
    return {
        "ENGINE": "tocsin.journal.sqlite",
        "NAME": str(path),
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 10,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;"
            "PRAGMA cache_size=-32000; PRAGMA temp_store=MEMORY;",
        },
        "TEST": {"NAME": None},
    }
