"""Accounts with vendors from the command line: their secrets come from this machine, and are never printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.programs import ORGANISATION, tocsin

pytestmark = pytest.mark.sqlite  # each has its own embedded database

CANARY = "xoxb-canary-83ab"
SECRET = "canary-83ab-signing"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def apply(data: Path, text: str, *words: str, **environ: str) -> Any:
    file = data.parent / "organisation.yaml"
    file.write_text(text)
    return tocsin(data, "apply", str(file), *words, **environ)


def test_secrets_come_from_where_apply_runs_and_are_printed_nowhere(data: Path) -> None:
    (data.parent / "signing").write_text(f"{SECRET}\n")
    settings = f"{{bot_token: {{env: CHAT_TOKEN}}, signing_secret: {{file: {data.parent}/signing}}}}"
    text = f"{ORGANISATION}\nproviders:\n  - id: chat\n    vendor: slack\n    settings: {settings}\n"
    missing = apply(data, text)
    assert missing.returncode == 1
    assert "organisation.yaml:" in missing.stderr
    assert "The variable CHAT_TOKEN is not set here" in missing.stderr
    done = apply(data, text, CHAT_TOKEN=CANARY)
    assert done.returncode == 0, done.stderr
    assert "add provider chat" in done.stdout
    assert apply(data, text, CHAT_TOKEN=CANARY).stdout == "Nothing changes.\n"
    other = apply(data, text, "--dry-run", CHAT_TOKEN=f"{CANARY}-2")
    assert "change provider chat: another bot_token" in other.stdout
    listed = json.loads(tocsin(data, "provider", "list", "--json").stdout)
    assert [(row["id"], row["secrets"]) for row in listed] == [("chat", ["bot_token", "signing_secret"])]
    exported = tocsin(data, "export", "--keys").stdout
    assert "vendor: slack" in exported
    for printed in (done.stdout, done.stderr, other.stdout, json.dumps(listed), exported):
        assert CANARY not in printed
        assert SECRET not in printed
    refused = tocsin(data, "provider", "test", "chat", "slack:C0123456789")
    assert refused.returncode == 1
    assert "neither yours nor a place" in refused.stderr
    for file in data.rglob("*"):
        assert not file.is_file() or CANARY.encode() not in file.read_bytes(), file
