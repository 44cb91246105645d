"""The configuration: from the environment or a file, refused in words, kept for its owner."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from tocsin.kernel.errors import Refused
from tocsin.site.config import NAMES, database_settings, read_config

ROOT = Path(__file__).resolve().parents[2]


def environ(tmp_path: Path, **more: str) -> dict[str, str]:
    return {"TOCSIN_DATA": str(tmp_path / "data")} | {f"TOCSIN_{name}": value for name, value in more.items()}


def test_without_anything_it_is_sqlite_on_this_machine(tmp_path: Path) -> None:
    config = read_config(environ(tmp_path))
    assert config.url == "http://127.0.0.1:8000"
    assert config.sqlite_path == tmp_path / "data" / "tocsin.db"
    assert config.allowed_networks == ()


def test_the_secret_key_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    first, second = read_config(environ(tmp_path)), read_config(environ(tmp_path))
    assert first.secret_key == second.secret_key
    assert len(first.secret_key) >= 64
    assert stat.S_IMODE((first.data / "secret.key").stat().st_mode) == 0o600


def test_a_file_may_say_the_same_and_the_environment_wins(tmp_path: Path) -> None:
    file = tmp_path / "tocsin.toml"
    file.write_text(
        'url = "https://tocsin.example.com/"\nlog = "debug"\nallowed_networks = ["10.0.0.0/8", "::1"]\n'
    )
    config = read_config(environ(tmp_path, CONFIG=str(file), LOG="error"))
    assert config.url == "https://tocsin.example.com"
    assert config.https
    assert config.log == "error"
    assert config.allowed_networks == ("10.0.0.0/8", "::1")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("URL", "tocsin.example.com"),
        ("URL", "ftp://tocsin.example.com"),
        ("LOG", "loud"),
        ("LOG_FORMAT", "xml"),
        ("ALLOWED_NETWORKS", "10.0.0.0/99"),
        ("TRUSTED_PROXIES", "proxy"),
        ("CONFIG", "/nowhere/tocsin.toml"),
    ],
)
def test_what_cannot_be_is_refused_with_the_settings_name(tmp_path: Path, setting: str, value: str) -> None:
    with pytest.raises(Refused) as refused:
        read_config(environ(tmp_path, **{setting: value}))
    assert refused.value.where == f"TOCSIN_{setting}"


def test_an_unknown_setting_in_the_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "tocsin.toml"
    file.write_text('colour = "red"\n')
    with pytest.raises(Refused, match="Unknown setting 'colour'"):
        read_config(environ(tmp_path, CONFIG=str(file)))


def test_postgresql_is_told_to_sync_and_to_give_up(tmp_path: Path) -> None:
    settings = database_settings(
        read_config(environ(tmp_path, DATABASE_URL="postgresql://u:p%40ss@db:5433/tocsin"))
    )
    assert (settings["HOST"], settings["PORT"], settings["PASSWORD"]) == ("db", "5433", "p@ss")
    assert "synchronous_commit=on" in str(settings["OPTIONS"])
    assert "statement_timeout" in str(settings["OPTIONS"])


def test_another_database_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="begins with 'mysql'"):
        database_settings(read_config(environ(tmp_path, DATABASE_URL="mysql://db/tocsin")))


def test_the_reference_names_every_setting_and_no_other() -> None:
    text = (ROOT / "docs" / "reference" / "configuration.md").read_text()
    named = set(re.findall(r"^\| `TOCSIN_([A-Z_]+)`", text, re.MULTILINE))
    assert named == {*NAMES, "CONFIG"} | {"TOKEN", "TOKEN_FILE", "KEY"}
