"""What stands in people's scripts: curl and amtool; and Prometheus sending to us as if we were Alertmanager."""

from __future__ import annotations

import http.server
import json
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from tests.clients.reading import alerts
from tests.intake_hot.serving import KEY, Serving
from tests.patience import eventually
from tests.ports import own_port
from tocsin.intake.models import Inbox

RULES = """
groups:
  - name: test
    interval: 1s
    rules:
      - alert: TargetDown
        expr: up == 0
        labels: {severity: critical}
        annotations: {summary: "{{ $labels.instance }} is down"}
"""


def command(*words: str, expect: int = 0) -> str:
    """What a command prints; its exit code has to be the one expected."""
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed")
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == expect, done.stderr + done.stdout
    return done.stdout


def test_curl_without_a_content_type(serving: Serving) -> None:
    url = f"http://127.0.0.1:{serving.port}/hooks/{KEY}"
    said = json.loads(command("curl", "-sS", "--data", '{"summary": "Backup failed", "key": "backup"}', url))
    assert said == {"status": "accepted", "events": 1, "key": "backup"}
    assert alerts()["backup"].title == "Backup failed"
    command("curl", "-sSf", "--json", '{"key": "backup", "status": "ok"}', url)
    assert alerts()["backup"].state == "resolved"
    wrong = json.loads(command("curl", "-sS", "--data", '{"text": "x"}', url))
    assert wrong["error"]["expected"] == "summary, title or message"


def test_curl_waits_for_leave_to_send_a_large_body(serving: Serving, tmp_path: Path) -> None:
    large = tmp_path / "large.json"
    large.write_text(json.dumps([{"labels": {"n": str(n), "text": "x" * 300}} for n in range(1_200)]))
    url = f"http://127.0.0.1:{serving.port}/hooks/{KEY}/api/v2/alerts"
    head = ("-H", "Content-Type: application/json", "-H", "Expect: 100-continue")
    status = command("curl", "-sS", "-o", "-", "-w", "%{http_code}", *head, "--data-binary", f"@{large}", url)
    assert status == "200"
    large.write_text(" " * 600_000)
    told = command("curl", "-sS", "-w", "%{http_code}", *head, "--data-binary", f"@{large}", url)
    assert told.endswith("413")


@pytest.mark.peers
def test_amtool_adds_alerts_and_queries_them(serving: Serving) -> None:
    url = f"--alertmanager.url=http://127.0.0.1:{serving.port}/hooks/{KEY}"
    command("amtool", url, "alert", "add", "alertname=Down", "instance=a", "--annotation=summary=a is down")
    (alert,) = alerts().values()
    assert alert.title == "a is down" and alert.ends_at is not None
    assert "Down" in command("amtool", url, "alert", "query")
    assert "Down" in command("amtool", url, "alert", "query", "instance=~a|b")
    assert "Down" not in command("amtool", url, "alert", "query", "alertname=Other")
    (told,) = json.loads(command("amtool", url, "-o", "json", "alert", "query"))
    assert told["labels"] == {"alertname": "Down", "instance": "a"}
    assert "Tocsin" in command("amtool", url, "config", "show")
    command("amtool", url, "silence", "query")
    command("amtool", url, "silence", "add", "-c", "x", "alertname=Down", expect=1)


@pytest.mark.peers
def test_amtool_with_the_key_as_password(serving: Serving) -> None:
    url = f"--alertmanager.url=http://tocsin:{KEY}@127.0.0.1:{serving.port}"
    command("amtool", url, "alert", "add", "alertname=Basic")
    assert "Basic" in [alert.fields["alertname"] for alert in alerts().values()]


@pytest.mark.peers
@pytest.mark.parametrize("way", ["path", "header"])
def test_prometheus_itself_fires_and_resolves(serving: Serving, tmp_path: Path, way: str) -> None:
    """A target that is down and comes up; nothing but Prometheus in between."""
    with own_port() as target, own_port() as own:
        fires_and_resolves(serving, tmp_path, way, target, own)


def fires_and_resolves(serving: Serving, tmp_path: Path, way: str, target: int, own: int) -> None:
    if way == "path":
        manager = (
            f"{{path_prefix: /hooks/{KEY}, static_configs: [{{targets: ['127.0.0.1:{serving.port}']}}]}}"
        )
    else:
        targets = f"static_configs: [{{targets: ['127.0.0.1:{serving.port}']}}]"
        manager = f"{{authorization: {{credentials: {KEY}}}, {targets}}}"
    (tmp_path / "rules.yml").write_text(RULES)
    (tmp_path / "prometheus.yml").write_text(
        f"global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n"
        f"rule_files: [rules.yml]\nalerting: {{alertmanagers: [{manager}]}}\n"
        f"scrape_configs: [{{job_name: shop, static_configs: [{{targets: ['127.0.0.1:{target}']}}]}}]\n"
    )
    prometheus = subprocess.Popen(
        [
            "prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/tsdb",
            f"--web.listen-address=127.0.0.1:{own}", "--log.level=error", "--rules.alert.resend-delay=1s",
        ],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        fired = wait_for("firing")
        assert fired.title == f"127.0.0.1:{target} is down" and fired.severity == "critical"
        assert fired.ends_at is not None
        with http.server.HTTPServer(("127.0.0.1", target), Up) as up:
            thread = threading.Thread(target=up.serve_forever)
            thread.start()
            try:
                assert wait_for("resolved").key == fired.key
            finally:
                up.shutdown()
                thread.join()
    finally:
        prometheus.terminate()
        prometheus.wait(30)


def wait_for(state: str) -> object:
    """The one alert, once it is in this state."""

    def look() -> object:
        known = alerts().values() if Inbox.objects.exists() else ()
        return next((alert for alert in known if alert.state == state), None)

    return eventually(look, 90)


class Up(http.server.BaseHTTPRequestHandler):
    """A target without metrics that is up."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass
