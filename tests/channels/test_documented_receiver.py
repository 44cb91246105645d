"""The receivers that the documentation shows, run as they stand there."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.channels.test_webhook import MESSAGE
from tests.patience import eventually
from tests.ports import own_port
from tocsin.channels import signing
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.webhook import Webhook, render
from tocsin.notification.rules import Blame, Failed, Sent

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "how-to" / "receive-webhooks.md"


def sample(language: str, page: Path = PAGE) -> str:
    """The only sample in `language` on `page`."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.fixture
def port() -> Iterator[int]:
    with own_port() as port:
        yield port


@pytest.fixture
def receiver(tmp_path: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """The Python receiver of the documentation, listening on `port`."""
    script = tmp_path / "receiver.py"
    script.write_text(sample("python"))
    secret = signing.secret_for(f"http://127.0.0.1:{port}/")
    environ = os.environ | {"TOCSIN_WEBHOOK_SECRET": secret, "PORT": str(port)}

    def answers() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    with subprocess.Popen(
        [sys.executable, script], env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            eventually(answers, 60)
            yield process
        finally:
            process.terminate()


def test_the_python_receiver_takes_what_is_genuine_and_refuses_the_rest(
    receiver: subprocess.Popen[str],
    port: int,
    client: Callable[..., Outgoing],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    webhook = Webhook(client("127.0.0.0/8"))
    address = webhook.check(f"http://127.0.0.1:{port}")
    now = datetime.now(UTC)

    assert webhook.send(address, "Bo", MESSAGE, now) == Sent("HTTP 204", confirmed=True)
    assert receiver.stdout is not None
    assert receiver.stdout.readline().strip() == f"{MESSAGE.id} {MESSAGE.subject}"

    assert webhook.send(address, "Bo", MESSAGE, now - timedelta(minutes=6)) == Failed(
        "HTTP 401", again=False, blame=Blame.ADDRESS
    )
    monkeypatch.setattr(signing, "_key", b"another instance")
    assert webhook.send(address, "Bo", MESSAGE, now) == Failed("HTTP 401", again=False, blame=Blame.ADDRESS)


def test_the_python_sample_takes_either_of_two_signatures(monkeypatch: pytest.MonkeyPatch) -> None:
    named: dict[str, Any] = {"__name__": "sample"}
    monkeypatch.setenv("TOCSIN_WEBHOOK_SECRET", "unused")
    exec(sample("python"), named)
    now, body = datetime.now(UTC), b"{}"
    for secrets, genuine in ((["old", "new"], True), (["new", "old"], True), (["old", "older"], False)):
        header = signing.signatures(secrets, body, now)
        assert named["is_genuine"](header, body, "new", now.timestamp()) is genuine
    assert not named["is_genuine"]("", body, "new", now.timestamp())


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed (apt-get install openssl)")
def test_the_shell_sample_takes_what_is_genuine_and_refuses_the_rest(tmp_path: Path) -> None:
    script, body_file = tmp_path / "verify.sh", tmp_path / "body"
    script.write_text(sample("sh"))
    secret = signing.secret_for("https://example.com/")
    now = datetime.now(UTC)
    body = render("Bo", MESSAGE, now)

    def accepted(header: str, content: bytes) -> bool:
        body_file.write_bytes(content)
        ended = subprocess.run(
            ["sh", script, header, body_file], env=os.environ | {"TOCSIN_WEBHOOK_SECRET": secret}, check=False,
            capture_output=True,
        )  # fmt: skip
        assert ended.stdout == ended.stderr == b""
        return ended.returncode == 0

    genuine = signing.signature(secret, body, now)
    assert accepted(genuine, body)
    assert accepted(signing.signatures(["another", secret], body, now), body)
    assert accepted(signing.signatures([secret, "another"], body, now), body)
    assert not accepted(signing.signatures(["another", "a third"], body, now), body)
    assert not accepted(genuine, body + b" ")
    assert not accepted(genuine[:-1] + ("0" if genuine[-1] != "0" else "1"), body)
    assert not accepted(genuine[:-32], body)  # a short signature must not do
    assert not accepted(signing.signature("another", body, now), body)
    assert not accepted(signing.signature(secret, body, now - timedelta(minutes=6)), body)
    assert not accepted("", body)


def test_the_documented_document_has_the_fields_of_a_real_one() -> None:
    documented = json.loads(sample("json", DOCS / "reference" / "messages.md"))
    real = json.loads(render("Ada Ortiz", replace(MESSAGE, details=documented["details"]), datetime.now(UTC)))
    assert documented.keys() == real.keys()
    assert documented["acts"][0].keys() == real["acts"][0].keys()
