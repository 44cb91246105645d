"""The lines to copy are taken as they stand, by the readers of the real intake and by the senders' own checkers."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from tests.world import KEY, T0
from tocsin.catalog.rules import IntegrationType, IntegrationValue
from tocsin.intake.hot_request import Request
from tocsin.sources import READERS, source_of
from tocsin.web.setup_lines import Lines, lines_for

URLS = ("http://127.0.0.1:8000", "https://tocsin.example.com", "https://[2001:db8::1]:8443")


def ways(where: str) -> list[tuple[str, Lines]]:
    """Every set of lines that goes to a place whose name begins with `where`, for every public address."""
    return [
        (url, each)
        for url in URLS
        for kind in IntegrationType
        for each in lines_for(kind, url, KEY)
        if each.where.startswith(where)
    ]


@pytest.mark.parametrize(("url", "lines"), ways("a s"), ids=lambda v: getattr(v, "title", v))
def test_what_curl_would_send_is_accepted_and_becomes_an_alert(url: str, lines: Lines) -> None:
    words = shlex.split(lines.text.replace("\\\n", " "))
    assert words[0] == "curl"
    target = urlsplit(next(word for word in words if word.startswith(url)))
    body = words[words.index("-d") + 1].encode()
    pairs = [words[n + 1].partition(": ") for n, word in enumerate(words) if word == "-H"]
    headers = {name.lower().encode(): value.encode() for name, _, value in pairs}
    source = source_of(target.path)
    assert source is not None
    request = Request("POST", target.path, target.query, headers, body)
    assert source.key_of(request) == KEY
    integration = IntegrationValue("shop-events", "shop", IntegrationType.EVENTS)
    accepted = source.accept(request, integration, T0)
    (event,) = READERS[accepted.source](accepted.body, accepted.meta, T0)
    assert event.title


@pytest.mark.parametrize(("url", "lines"), ways("alertmanager.yml"), ids=lambda v: getattr(v, "title", v))
@pytest.mark.peers
def test_alertmanager_takes_its_lines(tmp_path: Path, url: str, lines: Lines) -> None:
    text = lines.text if "\nroute:" in lines.text else lines.text + "route:\n  receiver: tocsin\n"
    (tmp_path / "alertmanager.yml").write_text(text)
    done = subprocess.run(
        ["amtool", "check-config", str(tmp_path / "alertmanager.yml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("url", "lines"), ways("prometheus.yml"), ids=lambda v: getattr(v, "title", v))
@pytest.mark.peers
def test_prometheus_takes_its_lines(tmp_path: Path, url: str, lines: Lines) -> None:
    if not shutil.which("promtool"):
        pytest.skip("promtool is not installed (apt-get install prometheus)")
    (tmp_path / "prometheus.yml").write_text(lines.text)
    done = subprocess.run(
        ["promtool", "check", "config", str(tmp_path / "prometheus.yml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    target = yaml.safe_load(lines.text)["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"][0]
    assert urlsplit(f"//{target}").port
