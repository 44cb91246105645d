"""The whole road with Debian's Prometheus and Alertmanager: one real rule, three receivers, one incident each, and all
of them resolved by themselves when the target is back."""

from __future__ import annotations

import http.server
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.clients.test_command_line import RULES, Up
from tests.patience import eventually
from tests.ports import own_port
from tests.programs import Program, declare, incidents, running

KEYS = {name: f"{number}" * 32 for number, name in enumerate(("webhook", "pagerduty", "opsgenie"), 1)}
ORGANISATION = """
users:
  - {id: bo, name: Bo Lind, email: bo@example.com, role: admin, contacts: {console: "console:bo"},
     rules: {high: [console], low: [console]}}
policies:
  - {id: web, name: Web, levels: [{notify: ["user:bo"], timeout: 1h}]}
services:
""" + "".join(
    f"""  - {{id: by-{name}, name: By {name}, policy: web,
     integrations: [{{id: {name}, type: {"alertmanager" if name == "webhook" else "events"}, key: "{key}"}}]}}
"""
    for name, key in KEYS.items()
)


@contextmanager
def beside(*words: str) -> Iterator[None]:
    """Another program, until the block ends."""
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def manager_file(address: str) -> str:
    return f"""
route: {{receiver: all, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
receivers:
  - name: all
    webhook_configs: [{{url: '{address}/hooks/{KEYS["webhook"]}'}}]
    pagerduty_configs: [{{routing_key: '{KEYS["pagerduty"]}', url: '{address}/v2/enqueue'}}]
    opsgenie_configs: [{{api_key: '{KEYS["opsgenie"]}', api_url: '{address}/', update_alerts: true}}]
"""


def by_service(program: Program) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for incident in incidents(program):
        service = incident["service"]
        found.setdefault(service if isinstance(service, str) else service["id"], []).append(incident)
    return found


@pytest.mark.peers
def test_prometheus_and_alertmanager_through_three_receivers(tmp_path: Path) -> None:
    with (
        own_port() as target,
        own_port() as manager,
        own_port() as prometheus,
        running(tmp_path / "data") as program,
    ):
        declare(program, ORGANISATION)
        (tmp_path / "rules.yml").write_text(RULES)
        (tmp_path / "am.yml").write_text(manager_file(program.address))
        (tmp_path / "prometheus.yml").write_text(
            "global: {scrape_interval: 2s, evaluation_interval: 1s}\nrule_files: [rules.yml]\n"
            f"alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{manager}']}}]}}]}}\n"
            f"scrape_configs: [{{job_name: shop, static_configs: [{{targets: ['127.0.0.1:{target}']}}]}}]\n"
        )
        alertmanager = (
            "prometheus-alertmanager", f"--config.file={tmp_path}/am.yml", f"--storage.path={tmp_path}/am",
            f"--web.listen-address=127.0.0.1:{manager}", "--cluster.listen-address=",
        )  # fmt: skip
        sender = (
            "prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/tsdb",
            f"--web.listen-address=127.0.0.1:{prometheus}", "--rules.alert.resend-delay=5s",
        )  # fmt: skip
        with beside(*alertmanager):
            eventually(lambda: answers(manager), 90)  # what is sent before is sent again only after a while
            with beside(*sender):
                eventually(lambda: len(by_service(program)) == 3, 90)
                opened = by_service(program)
                assert {name: len(found) for name, found in opened.items()} == {
                    f"by-{name}": 1 for name in KEYS
                }
                assert all("down" in found[0]["title"].lower() for found in opened.values())
                with http.server.HTTPServer(("127.0.0.1", target), Up) as up:
                    thread = threading.Thread(target=up.serve_forever)
                    thread.start()
                    try:
                        eventually(lambda: {i["state"] for i in incidents(program)} == {"resolved"}, 90)
                    finally:
                        up.shutdown()
                        thread.join()
        assert {name: len(found) for name, found in by_service(program).items()} == {
            f"by-{name}": 1 for name in KEYS
        }
