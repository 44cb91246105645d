"""Lines to copy into a sender, with the real key and address in them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from tocsin.catalog.rules import IntegrationType


@dataclass(frozen=True)
class Lines:
    """One way to connect: what it is for, where the lines go, and the lines."""

    title: str
    where: str
    text: str


def lines_for(kind: IntegrationType, url: str, key: str, mail_domain: str = "") -> tuple[Lines, ...]:
    """The ways that fit an integration of `kind`, the usual one first; every key opens all of them. `mail_domain` is
    where letters are taken in, "" for nowhere."""
    prometheus = (_alertmanager(url, key), _prometheus(url, key), _amtool(url, key))
    events = (_curl(url, key), _pagerduty(url, key), _opsgenie(url, key), _plain(url, key))
    if kind is IntegrationType.EMAIL:
        return (_letter(url, key, mail_domain),)
    return prometheus if kind is IntegrationType.ALERTMANAGER else events


def other_lines_for(kind: IntegrationType, url: str, key: str) -> tuple[Lines, ...]:
    """The ways of the other type, which the key opens as well."""
    other = IntegrationType.EVENTS if kind is not IntegrationType.EVENTS else IntegrationType.ALERTMANAGER
    return lines_for(other, url, key)


def _letter(url: str, key: str, mail_domain: str) -> Lines:
    if not mail_domain:
        return Lines(
            "E-mail",
            "the environment of Tocsin: letters are not taken in yet",
            "TOCSIN_MAIL_LISTEN=0.0.0.0:2525\nTOCSIN_MAIL_DOMAIN=tocsin.example.com\n",
        )
    return Lines(
        "E-mail",
        "the recipient; a subject with RESOLVED, RECOVERY or OK ends what the same subject without it began",
        f"{key}@{mail_domain}\n",
    )


def _alertmanager(url: str, key: str) -> Lines:
    return Lines(
        "Alertmanager, webhook",
        "alertmanager.yml",
        f"""receivers:
  - name: tocsin
    webhook_configs:
      - url: {url}/hooks/{key}/alertmanager
        send_resolved: true
route:
  receiver: tocsin
""",
    )


def _prometheus(url: str, key: str) -> Lines:
    parts = urlsplit(url)
    prefix = f"      path_prefix: {parts.path}\n" if parts.path.strip("/") else ""
    return Lines(
        "Prometheus, without an Alertmanager between",
        "prometheus.yml",
        f"""alerting:
  alertmanagers:
    - scheme: {parts.scheme}
{prefix}      authorization:
        credentials: {key}
      static_configs:
        - targets: ["{_target(url)}"]
""",
    )


def _amtool(url: str, key: str) -> Lines:
    return Lines(
        "Alertmanager API v2, by hand",
        "a shell",
        f"""curl -sS {url}/api/v2/alerts \\
  -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\
  -d '[{{"labels": {{"alertname": "TocsinTest", "severity": "critical"}},
       "annotations": {{"summary": "A test from my shell"}}}}]'
""",
    )


def _curl(url: str, key: str) -> Lines:
    return Lines(
        "curl, PagerDuty-shaped",
        "a shell; send it again with resolve when it is over",
        f"""curl -sS {url}/v2/enqueue -H 'Content-Type: application/json' -d '{{
  "routing_key": "{key}",
  "event_action": "trigger",
  "dedup_key": "my-first-alert",
  "payload": {{"summary": "A test from my shell", "source": "shell", "severity": "critical"}}
}}'
""",
    )


def _pagerduty(url: str, key: str) -> Lines:
    return Lines(
        "PagerDuty-shaped senders",
        "alertmanager.yml; other senders take the same two values",
        f"""receivers:
  - name: tocsin
    pagerduty_configs:
      - url: {url}/v2/enqueue
        routing_key: {key}
""",
    )


def _opsgenie(url: str, key: str) -> Lines:
    return Lines(
        "Opsgenie-shaped senders",
        "alertmanager.yml; other senders take the same two values",
        f"""receivers:
  - name: tocsin
    opsgenie_configs:
      - api_url: {url}/
        api_key: {key}
""",
    )


def _plain(url: str, key: str) -> Lines:
    return Lines(
        "Plain JSON",
        "a script",
        f"""curl -sS {url}/hooks/{key} -H 'Content-Type: application/json' -d '{{
  "title": "Backup of db-3 failed", "key": "backup-db-3", "severity": "error"
}}'
""",
    )


def _target(url: str) -> str:
    """Host and port, as Prometheus wants its targets."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    host = parts.hostname or ""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
