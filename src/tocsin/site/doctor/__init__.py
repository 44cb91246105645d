"""Looks at everything that has to be right before somebody is woken by this instance. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from django.db import Error

from tocsin.site.config import Config
from tocsin.site.doctor import letters, machine, organisation, outside
from tocsin.site.doctor.findings import Finding, State, fail, worst

ORGANISATION = (
    organisation.fallback,
    organisation.people,
    organisation.contacts,
    organisation.providers,
    organisation.use_of_providers,
    organisation.templates,
    organisation.services,
    organisation.policies,
    organisation.messages,
    organisation.inbox,
)


def examine(config: Config, running: str | None) -> list[Finding]:
    """Everything, in the order in which one would look; `running` is the address of the running program."""
    of_the_machine = (
        machine.files,
        machine.disk,
        machine.sync,
        machine.database,
        machine.clock,
        machine.zones,
    )
    of_the_outside = (
        outside.mail,
        lambda c: outside.public_address(c, running),
        lambda c: outside.program(running),
        outside.last_resort,
    )
    found = [finding for look in (*of_the_machine, *of_the_outside) for finding in _safely(look, config)]
    tables = list(_safely(organisation.migrations, config))
    found += tables
    if not any(finding.state is State.FAIL for finding in tables):
        for look in ORGANISATION:
            found += _safely(lambda _, look=look: look(), config)  # type: ignore[misc]
        found += _safely(organisation.callbacks, config)
        found += _safely(lambda c: letters.mail_in(c, running), config)
    return found


def _safely(look: Callable[[Config], Iterator[Finding]], config: Config) -> Iterator[Finding]:
    """A check that cannot be made is a finding too."""
    try:
        yield from look(config)
    except (Error, OSError) as error:
        yield fail(getattr(look, "__name__", "check").replace("_", " "), f"could not be looked at: {error}")


__all__ = ["Finding", "State", "examine", "worst"]
