"""Accounts with vendors from the command line: their secrets come from this machine, and are never printed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ports import own_port
from tests.programs import ORGANISATION, prepared, running, tocsin

pytestmark = pytest.mark.sqlite  # each has its own embedded database

CANARY = "xoxb-canary-83ab"
SECRET = "canary-83ab-signing"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data folder of a running program."""
    with running(tmp_path_factory.mktemp("providers") / "data") as program:
        yield program.data


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    return prepared(tmp_path / "data")


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


def test_every_account_is_tested_by_one_command_and_each_says_what_became_of_it(data: Path) -> None:
    settings = f"{{bot_token: {CANARY}, signing_secret: {SECRET}}}"
    text = f"{ORGANISATION}\nproviders:\n  - id: talk\n    vendor: slack\n    settings: {settings}\n"
    assert apply(data, text).returncode == 0
    done = tocsin(data, "provider", "test", "--all")
    assert done.returncode == 1
    assert "talk did not take it: There is nowhere to send a test through talk" in done.stdout
    unclear = tocsin(data, "provider", "test")
    assert (unclear.returncode, "Which account is meant?" in unclear.stderr) == (1, True)


def test_the_manifest_of_an_app_is_printed_to_be_pasted(stopped: Path) -> None:
    assert apply(stopped, ORGANISATION).returncode == 0
    made = tocsin(stopped, "provider", "manifest", "slack")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["settings"]["interactivity"]["request_url"].endswith("/channels/slack")
    assert "the account named slack" in made.stderr
    none = tocsin(stopped, "provider", "manifest", "twilio")
    assert (none.returncode, "begins with no manifest" in none.stderr) == (1, True)


def test_the_break_glass_list_is_tried_on_request(stopped: Path) -> None:
    none = tocsin(stopped, "doctor", "--break-glass")
    assert (none.returncode, "There is no break-glass list" in none.stderr) == (1, True)
    path = stopped.parent / "glass.yaml"
    with own_port() as port:
        path.write_text(f'contacts: [{{name: Ops, address: "http://127.0.0.1:{port}/alarm"}}]')
        path.chmod(0o600)
        refused = tocsin(stopped, "doctor", "--break-glass", TOCSIN_BREAK_GLASS=str(path))
        assert refused.returncode == 1
        assert "may not be called" in refused.stderr
        given = {"TOCSIN_BREAK_GLASS": str(path), "TOCSIN_ALLOWED_NETWORKS": "127.0.0.0/8"}
        tried = tocsin(stopped, "doctor", "--break-glass", **given)
    assert tried.returncode == 1
    assert "fail  Ops by http: " in tried.stdout
