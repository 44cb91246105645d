"""The organisation that `tocsin run --demo` begins with."""

from __future__ import annotations

from datetime import datetime
from importlib.resources import files

from tocsin.catalog import actions as catalog
from tocsin.catalog.models import Service
from tocsin.escalation.models import Policy
from tocsin.journal.changes import changing, did
from tocsin.kernel.acting import ENGINE, By
from tocsin.organisation.actions import apply, plan
from tocsin.organisation.reading import File
from tocsin.organisation.rules import USERS
from tocsin.people.models import Team, User

NAME = "demo.yaml"


def demo_organisation() -> str:
    """The demo as an organisation file, without keys."""
    return files("tocsin.organisation").joinpath(NAME).read_text(encoding="utf-8")


def make_demo(now: datetime, by: By = ENGINE) -> bool:
    """Fill an empty organisation with the demo and mark it as one; returns whether it did. Its keys are new ones.

    An organisation with a service, a policy, a team or one of the demo's people in it is left as it is.
    """
    with changing():
        if Service.objects.exists() or Policy.objects.exists() or Team.objects.exists():
            return False
        planned = plan([File(NAME, demo_organisation())])
        if User.objects.filter(pk__in=[each.id for each in planned.declared.of(USERS)]).exists():
            return False
        apply(planned, by, now)
        row = catalog.organisation()
        row.demo = True
        row.save(update_fields=["demo"])
        catalog.touch(by, now, [did("organisation.demo", organisation=str(row.pk))])
    return True
