"""A file is applied while somebody edits a page: one waits for the other, and none is thrown out for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from tests.patience import PATIENCE
from tests.world import Outbox
from tocsin.catalog import actions as catalog
from tocsin.catalog.rules import ServiceValue
from tocsin.escalation.policy_actions import save_policy
from tocsin.escalation.rules import policy_from
from tocsin.journal.models import Entry
from tocsin.kernel.acting import By
from tocsin.kernel.urgency import Urgency
from tocsin.notification.rule_actions import save_rules
from tocsin.notification.rules import Step
from tocsin.organisation import actions as organisation
from tocsin.organisation.actions import apply
from tocsin.organisation.plan import plan
from tocsin.organisation.reading import File
from tocsin.people import actions as people
from tocsin.people.rules import Role
from tocsin.people.saving import UserValue

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
FILE, PAGE = By("cli", "file"), By("user:zoe", "web")
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("outbox")]

BEFORE = """
users:
  - {id: zoe, name: Zoe, email: zoe@example.com, role: admin}
  - {id: bo, name: Bo, email: bo@example.com, contacts: {mail: "fake:bo"}}
teams: [{id: web, name: Web, members: [bo]}]
policies: [{id: web, levels: [{notify: ["user:bo"], timeout: 5m}]}]
services: [{id: shop, name: Shop, policy: web, integrations: [{id: shop-events, type: events}]}]
"""
AFTER = """
users: [{id: bo, name: Bo Lind, email: bo@example.com, contacts: {mail: "fake:bo-2"}, rules: {high: [mail]}}]
teams: [{id: web, name: Web team, members: [zoe, bo]}]
policies: [{id: web, levels: [{notify: ["user:zoe"], timeout: 5m}]}]
services: [{id: shop, name: Web shop, policy: web, integrations: [{id: shop-events, type: alertmanager}]}]
"""


def rename() -> None:
    people.save_user("bo", UserValue("Robert", "bo@example.com", role=Role.MANAGER), PAGE, NOW)


def reach() -> None:
    people.save_contacts("bo", {"mail": "fake:bo-3"}, PAGE, NOW, check_address=str)


EDITS: list[Callable[[], object]] = [
    rename,
    reach,
    lambda: save_rules("bo", {Urgency.LOW: [Step("mail", timedelta(0))]}, PAGE, NOW),
    lambda: people.end_sessions("bo", PAGE, NOW),
    lambda: people.save_team("web", "The web", ["bo"], None, PAGE, NOW),
    lambda: save_policy(policy_from({"id": "web", "name": "W", "levels": [{"notify": ["team:web"], "timeout": "1m"}],
                                     "repeat": 0}), None, PAGE, NOW),
    lambda: catalog.save_service(ServiceValue("shop", "Our shop", tier=1), "", PAGE, NOW),
    lambda: catalog.rotate_key("shop-events", PAGE, NOW),
]  # fmt: skip


@pytest.mark.parametrize("edit", EDITS)
def test_a_page_and_a_file_never_wait_for_each_other_in_a_ring(
    edit: Callable[[], object], monkeypatch: pytest.MonkeyPatch, outbox: Outbox
) -> None:
    apply(plan([File("org.yaml", BEFORE)]), FILE, NOW)
    wanted = plan([File("org.yaml", AFTER)])
    begun, problems = threading.Event(), list[BaseException]()
    look = organisation.planned_again

    def look_and_let_the_page_begin(planned: organisation.Plan) -> organisation.Plan:
        begun.set()
        until_somebody_waits()
        return look(planned)

    monkeypatch.setattr(organisation, "planned_again", look_and_let_the_page_begin)

    def edit_meanwhile() -> None:
        try:
            assert begun.wait(PATIENCE)
            edit()
        except BaseException as problem:
            problems.append(problem)
        finally:
            connection.close()

    thread = threading.Thread(target=edit_meanwhile)
    thread.start()
    apply(wanted, FILE, NOW)
    thread.join(PATIENCE)
    assert problems == []
    last = Entry.objects.filter(chain="organisation").latest("seq")
    assert last.who == "user:zoe", "the page waited, and was saved after the file"


def until_somebody_waits() -> None:
    """Return once another transaction waits for a lock; at once where there is only one writer."""
    end = time.monotonic() + PATIENCE
    while connection.vendor == "postgresql" and time.monotonic() < end:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_stat_clear_snapshot()"
            )  # a transaction sees what it saw first, otherwise
            cursor.execute(  # of this database: the server is everybody's
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone()[0]:
                return
        time.sleep(0.01)
