"""Apply organisation files: all that was planned, or nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from tocsin.journal.changes import changing
from tocsin.kernel.acting import By
from tocsin.kernel.errors import conflict
from tocsin.organisation import rules
from tocsin.organisation.plan import Plan, planned_again
from tocsin.organisation.rules import Change
from tocsin.organisation.saving import SAVING, remove


@dataclass(frozen=True)
class Applied:
    """What was done. `keys` are the keys that were made, by integration: shown now and never again by this."""

    changes: tuple[Change, ...]
    keys: dict[str, str] = field(default_factory=dict, repr=False)


def apply(planned: Plan, by: By, now: datetime) -> Applied:
    """Do what `planned` says, all of it or nothing. Raises Refused when the configuration has changed since."""
    with changing():
        if not all(each.whole for each in planned.declared.objects):
            raise conflict("Something that the files name was not read", "Apply them with `tocsin apply`.")
        if planned_again(planned).changes != planned.changes:
            raise conflict("The configuration has changed since this was planned", "Look at the plan again.")
        keys: dict[str, str] = {}
        touched = {(change.section, change.id) for change in planned.changes}
        # Ways in go first, because a new one may take over the key of an old one.
        first = [gone for gone in planned.removed if gone.section == rules.INTEGRATIONS]
        for gone in first:
            remove(gone, by, now)
        for section, save in SAVING.items():
            objects = [each for each in planned.declared.of(section) if (section, each.id) in touched]
            if objects:
                save(objects, keys, by, now)
        for gone in planned.removed[len(first) :]:
            remove(gone, by, now)
    return Applied(planned.changes, keys)
