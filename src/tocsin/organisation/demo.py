"""The organisation that `tocsin run --demo` begins with."""

from __future__ import annotations

from datetime import datetime
from importlib.resources import files

from tocsin.catalog import actions as catalog
from tocsin.catalog.models import Service
from tocsin.escalation.models import Policy
from tocsin.journal.actions import ORGANISATION
from tocsin.journal.changes import changing, did
from tocsin.journal.models import Entry
from tocsin.kernel.acting import ENGINE, By
from tocsin.kernel.errors import conflict
from tocsin.organisation.actions import apply
from tocsin.organisation.plan import plan
from tocsin.organisation.reading import File
from tocsin.organisation.rules import USERS
from tocsin.people.models import Team, User

NAME = "demo.yaml"
MADE, LEFT, RETURNED = "organisation.demo", "organisation.demo_left", "organisation.demo_returned"


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
        _mark(True, MADE, by, now)
    return True


def leave_demo(by: By, now: datetime) -> None:
    """Make the organisation a real one: the console shows to everybody their own messages only, the program prints
    no sign-in link any more. Its people, services and policies stay as they are."""
    with changing():
        if catalog.organisation().demo:
            _mark(False, LEFT, by, now)


def return_to_demo(by: By, now: datetime) -> None:
    """Take `leave_demo` back. Raises Refused where there never was a demo: its messages would be shown around."""
    with changing():
        if not Entry.objects.filter(chain=ORGANISATION, kind=MADE).exists():
            raise conflict("This was never a demo", "`tocsin run --demo` makes one in an empty data folder.")
        if not catalog.organisation().demo:
            _mark(True, RETURNED, by, now)


def _mark(demo: bool, kind: str, by: By, now: datetime) -> None:
    row = catalog.organisation()
    row.demo = demo
    row.save(update_fields=["demo"])
    catalog.touch(by, now, [did(kind, organisation=str(row.pk))])
