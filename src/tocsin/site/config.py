"""What the administrator may set, from the environment or a TOML file (`TOCSIN_CONFIG`); the environment wins."""

from __future__ import annotations

import os
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tocsin.kernel.errors import Refused

PREFIX = "TOCSIN_"
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
    "NODE": "this node's name among several (default: made from host and process)",
}


@dataclass(frozen=True)
class Config:
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

    @property
    def https(self) -> bool:
        return self.url.startswith("https://")

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or "127.0.0.1"


def read_config(environ: Mapping[str, str]) -> Config:
    """The configuration; makes the data folder and the secret key when they are absent. Raises Refused."""
    values: dict[str, str] = {}
    if path := environ.get(PREFIX + "CONFIG"):
        with Path(path).open("rb") as file:
            values = {name.upper(): str(value) for name, value in tomllib.load(file).items()}
        if unknown := values.keys() - NAMES.keys():
            raise Refused(
                f"Unknown setting {sorted(unknown)[0].lower()!r}", f"one of {', '.join(NAMES).lower()}", where=path
            )
    values |= {name: environ[PREFIX + name] for name in NAMES if environ.get(PREFIX + name)}
    data = Path(values.get("DATA", "data")).absolute()
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    networks = [part.strip() for part in values.get("ALLOWED_NETWORKS", "").split(",") if part.strip()]
    proxies = [part.strip() for part in values.get("TRUSTED_PROXIES", "").split(",") if part.strip()]
    return Config(
        data=data,
        database_url=values.get("DATABASE_URL", ""),
        url=values.get("URL", "http://127.0.0.1:8000").rstrip("/"),
        secret_key=values.get("SECRET_KEY") or _kept_key(data / "secret.key"),
        smtp_url=values.get("SMTP_URL", ""),
        allowed_networks=tuple(networks),
        trusted_proxies=tuple(proxies),
        log=values.get("LOG", "info"),
        log_format=values.get("LOG_FORMAT", "console"),
        node=values.get("NODE", f"{os.uname().nodename}-{os.getpid()}"),
    )


def _kept_key(path: Path) -> str:
    """The secret key of this data folder, made at the first call; readable by its owner only."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(48))
    return path.read_text().strip()


def database_settings(config: Config) -> dict[str, object]:
    """Django's DATABASES entry. Raises Refused for an address that is neither PostgreSQL's nor SQLite's."""
    if not config.database_url:
        return sqlite_settings(config.data / "tocsin.db")
    url = urlsplit(config.database_url)
    if url.scheme == "sqlite":
        return sqlite_settings(Path(url.path))
    if url.scheme not in ("postgres", "postgresql"):
        raise Refused(
            f"Database address begins with {url.scheme!r}", "postgresql://user:password@host/name",
            where="TOCSIN_DATABASE_URL",
        )
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(url.path.lstrip("/")),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": url.hostname or "",
        "PORT": str(url.port or ""),
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": 5,
            # A statement that hangs must not hold a page back; the primary only, never a standby.
            "options": "-c statement_timeout=5000 -c synchronous_commit=on -c timezone=UTC",
            "target_session_attrs": "read-write",
        },
    }


def sqlite_settings(path: Path) -> dict[str, object]:
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
