"""Logs to the standard error, for people or as JSON lines, without secrets."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

SECRET_NAMES = re.compile(r"pass(word)?|secret|token|authorization|cookie|(^|_)key$", re.IGNORECASE)
# What stands in an address and opens something: integration keys, act-links, sign-in links, passwords of URLs.
SECRET_PATHS = re.compile(r"(/(?:hooks|ping|a|sign-in/link|ical)/)[^/\s?\"']+")
SECRET_LOGINS = re.compile(r"(://[^/@:\s]*:)[^/@\s]+@")
HIDDEN = "…"


def hide_secrets(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The same entry with everything that opens something struck out."""
    for name, value in event.items():
        if name.startswith("_"):
            continue
        if name != "event" and SECRET_NAMES.search(name):
            event[name] = HIDDEN
        elif isinstance(value, str):
            event[name] = without_secrets(value)
    return event


def without_secrets(text: str) -> str:
    """The text with sign-ins in addresses, and secrets in paths, struck out."""
    return SECRET_LOGINS.sub(rf"\1{HIDDEN}@", SECRET_PATHS.sub(rf"\1{HIDDEN}", text))


def set_up_logs(level: str, form: str) -> None:
    """Send what is at least `level` to the standard error, as "console" or "json"."""
    before: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    last: Any
    if form == "json":
        last = [structlog.processors.format_exc_info, hide_secrets, structlog.processors.JSONRenderer()]
    else:
        colours = sys.stderr.isatty()
        # The traceback is rendered to text before the secrets are struck out, so that they are struck out there too.
        console = structlog.dev.ConsoleRenderer(
            colors=colours, exception_formatter=structlog.dev.plain_traceback
        )
        last = [structlog.processors.format_exc_info, hide_secrets, console]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *before,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Uvicorn tells the story of its start and stop at level info; the program tells it itself.
    logging.getLogger("uvicorn").setLevel(max(logging.WARNING, root.level))
    for name in ("httpx2", "httpcore2", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # Whoever asks for what is not there or not theirs should not be able to fill the log.
    logging.getLogger("django.request").setLevel(logging.ERROR)
    logging.getLogger("django.security").setLevel(logging.ERROR)
