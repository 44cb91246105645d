"""Alerts in: one file per vendor. Which path is whose, and who reads a stored body again."""

from __future__ import annotations

from collections.abc import Mapping

from tocsin.intake.hot_request import Accepted, Answer, Request, Source
from tocsin.intake.rules import Reader
from tocsin.sources import alertmanager, email, generic, hooks, opsgenie, pagerduty

# Whatever begins so is intake's, and nothing else is.
PATHS = (
    hooks.PREFIX,
    *pagerduty.PATHS,
    *opsgenie.PREFIXES,
    alertmanager.API,
)

_PAGERDUTY = tuple(pagerduty.PATHS)

READERS: Mapping[str, Reader] = {
    pagerduty.NAME: pagerduty.events,
    opsgenie.NAME: opsgenie.events,
    alertmanager.NAME: alertmanager.events,
    generic.NAME: generic.events,
    email.NAME: email.events,
}


def source_of(path: str) -> Source | None:
    """The source that answers `path`; None when the path is not intake's."""
    if path.startswith(_PAGERDUTY):
        return pagerduty
    if path.startswith(hooks.PREFIX):
        return hooks
    if path.startswith(alertmanager.API):
        return alertmanager
    return opsgenie if path.startswith(opsgenie.PREFIXES) else None


__all__ = ["PATHS", "READERS", "Accepted", "Answer", "Request", "Source", "source_of"]
