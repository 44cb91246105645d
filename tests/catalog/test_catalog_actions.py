"""Services, integrations, keys and the shared snapshot, through their actions."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from tocsin.catalog import actions as catalog
from tocsin.catalog import snapshot
from tocsin.catalog.models import Integration, Service
from tocsin.catalog.rules import Grouping, IntegrationType, ServiceValue, UrgencyFrom, matrix_from
from tocsin.incident.models import Incident
from tocsin.journal import changes
from tocsin.journal.models import Entry
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused
from tocsin.kernel.ids import digest
from tocsin.kernel.urgency import Impact, Priority, Urgency
from tocsin.people import actions as people
from tocsin.people.models import User
from tocsin.people.saving import UserValue

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
BY = By("user:ada", "web")
SHOP = ServiceValue("shop", "Web shop", tier=1)


def save_shop(**changes: object) -> Service:
    return catalog.save_service(ServiceValue(**(SHOP.__dict__ | changes)), "", BY, NOW)  # type: ignore[arg-type]


def facts(kind: str) -> list[dict[str, object]]:
    return [entry.data for entry in Entry.objects.filter(chain="organisation", kind=kind).order_by("seq")]


@pytest.mark.django_db
def test_what_is_saved_stands_in_the_configuration() -> None:
    value = ServiceValue(
        "shop",
        "Web shop",
        tier=2,
        urgency=UrgencyFrom.HIGH,
        grouping=Grouping(("alertname",), timedelta(minutes=3)),
        resolve_delay=timedelta(minutes=1),
        ack_timeout=None,
    )
    catalog.save_service(value, "Sells.", BY, NOW)
    row, key = catalog.save_integration("shop-events", "shop", "events", "", None, BY, NOW)

    now_known = catalog.configuration()

    assert key is not None and len(key) == 32
    assert now_known.services["shop"] == value
    assert now_known.by_key[digest(key)] == now_known.integrations["shop-events"] == row.as_value()


@pytest.mark.django_db
def test_a_change_is_written_down_with_the_fields_that_differ_and_nothing_when_none_does() -> None:
    save_shop()
    save_shop(tier=2)
    save_shop(tier=2)

    first, second = facts("service.saved")
    assert first["new"] is True
    assert second == {"service": "shop", "new": False, "before": {"tier": 1}, "after": {"tier": 2}}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"tier": 0}, "tier"),
        ({"tier": 6}, "tier"),
        ({"ack_timeout": timedelta(seconds=1)}, "ack_timeout"),
        ({"resolve_delay": timedelta(days=2)}, "resolve_delay"),
        ({"grouping": Grouping(("a", "a"))}, "grouping.by"),
        ({"grouping": Grouping((), timedelta(0))}, "grouping.window"),
        ({"team": "nobody"}, "team"),
        ({"name": " "}, "name"),
    ],
)
def test_a_service_that_cannot_be_is_refused_with_the_place(changes: dict[str, object], where: str) -> None:
    with pytest.raises(Refused) as refused:
        save_shop(**changes)
    assert refused.value.where == where
    assert not Service.objects.exists()


@pytest.mark.django_db
def test_a_service_with_incidents_is_kept() -> None:
    save_shop()
    Incident.objects.create(
        service_id="shop", title="Down", urgency="high", impact="major", priority="P1", opened_at=NOW
    )
    with pytest.raises(Refused, match="has incidents"):
        catalog.delete_service("shop", BY, NOW)
    assert Service.objects.filter(pk="shop").exists()


@pytest.mark.django_db
def test_a_service_without_a_past_goes_with_its_integrations() -> None:
    save_shop()
    catalog.save_integration("shop-events", "shop", "events", "", None, BY, NOW)
    catalog.delete_service("shop", BY, NOW)
    assert not Integration.objects.exists()
    assert catalog.configuration().services == {}


@pytest.mark.django_db
def test_a_key_is_kept_sealed_shown_to_its_owner_and_never_written_down() -> None:
    save_shop()
    row, key = catalog.save_integration("shop-events", "shop", "events", "", None, BY, NOW)
    assert key is not None
    assert key not in row.key_sealed
    assert catalog.reveal_key(row) == key
    assert key not in str(list(Entry.objects.values_list("data", flat=True)))


@pytest.mark.django_db
def test_a_key_sealed_with_another_secret_is_refused_in_words_and_still_opens(settings: object) -> None:
    save_shop()
    row, key = catalog.save_integration("shop-events", "shop", "events", "", None, BY, NOW)
    assert key is not None
    settings.SECRET_KEY = "another secret key altogether"  # type: ignore[attr-defined]
    with pytest.raises(Refused, match="cannot be shown"):
        catalog.reveal_key(row)
    assert digest(key) in catalog.configuration().by_key


@pytest.mark.django_db
def test_a_rotated_key_opens_and_the_old_one_does_not() -> None:
    save_shop()
    _, old = catalog.save_integration("shop-events", "shop", "events", "", None, BY, NOW)
    _, new = catalog.rotate_key("shop-events", BY, NOW)
    assert old is not None
    assert digest(old) not in catalog.configuration().by_key
    assert digest(new) in catalog.configuration().by_key
    assert len(facts("integration.rotated")) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["short", "x" * 129, "with a space in it", "with/slash/in/it/ok"])
def test_a_key_that_is_weak_or_does_not_fit_an_address_is_refused_without_repeating_it(key: str) -> None:
    save_shop()
    with pytest.raises(Refused) as refused:
        catalog.save_integration("shop-events", "shop", "events", "", key, BY, NOW)
    assert key not in str(refused.value)


@pytest.mark.django_db
def test_two_integrations_cannot_share_a_key() -> None:
    save_shop()
    catalog.save_integration("one", "shop", "events", "", "k" * 20, BY, NOW)
    with pytest.raises(Refused, match="has the same key"):
        catalog.save_integration("two", "shop", "events", "", "k" * 20, BY, NOW)


@pytest.mark.django_db
def test_saving_again_without_a_key_keeps_the_key() -> None:
    save_shop()
    _, key = catalog.save_integration("shop-events", "shop", "events", "", None, BY, NOW)
    row, again = catalog.save_integration(
        "shop-events", "shop", IntegrationType.ALERTMANAGER, "", None, BY, NOW
    )
    assert again is None
    assert catalog.reveal_key(row) == key


@pytest.mark.django_db
def test_the_organisation_names_who_is_paged_when_nobody_is() -> None:
    people.save_user("ada", UserValue("Ada", "ada@example.com"), BY, NOW)
    matrix = matrix_from({"minor": {"low": "P4"}})
    catalog.save_organisation("Shopkeepers", matrix, "ada", BY, NOW)
    known = catalog.configuration()
    assert known.fallback == "ada"
    assert known.matrix[Impact.MINOR][Urgency.LOW] is Priority.P4
    with pytest.raises(Refused, match="No active person"):
        catalog.save_organisation("Shopkeepers", matrix, "bo", BY, NOW)


@pytest.mark.django_db(transaction=True)
def test_a_change_that_is_rolled_back_was_seen_by_nobody_else() -> None:
    save_shop()
    seen = []

    def look() -> None:
        seen.append(catalog.configuration().services["shop"].tier)
        connection.close()

    with pytest.raises(ZeroDivisionError), transaction.atomic():
        save_shop(tier=4)
        assert catalog.configuration().services["shop"].tier == 4
        other = threading.Thread(target=look)
        other.start()
        other.join()
        raise ZeroDivisionError
    assert seen == [1]
    assert catalog.configuration().services["shop"].tier == 1


@pytest.mark.django_db(transaction=True)
def test_who_asks_again_at_once_costs_no_query_and_a_commit_is_seen_at_once() -> None:
    save_shop()
    catalog.configuration()
    with CaptureQueriesContext(connection) as queries:
        assert catalog.configuration() is catalog.configuration() is catalog.fresh_or_none()
    assert len(queries) == 0
    save_shop(tier=3)
    assert catalog.fresh_or_none() is None
    assert catalog.configuration().services["shop"].tier == 3


@pytest.mark.django_db(transaction=True)
def test_a_change_made_by_another_node_is_found_at_the_next_look(monkeypatch: pytest.MonkeyPatch) -> None:
    save_shop()
    before = catalog.configuration()
    kept = snapshot._shared
    save_shop(tier=3)
    # As if the change had been made elsewhere and no wake-up had come through:
    monkeypatch.setattr(snapshot, "_shared", kept)
    monkeypatch.setattr(changes, "_changed_at", 0.0)
    assert catalog.configuration() is before
    monkeypatch.setattr(snapshot, "LOOK_EVERY", 0.0)
    assert catalog.configuration().services["shop"].tier == 3


@pytest.mark.django_db
def test_what_is_kept_per_configuration_follows_every_change_even_before_it_commits() -> None:
    names = catalog.per_configuration(lambda: set(User.objects.values_list("name", flat=True)))
    people.save_user("ada", UserValue("Ada", "ada@example.com"), BY, NOW)
    assert names() == {"Ada"}
    people.save_user("ada", UserValue("Ada Ortiz", "ada@example.com"), BY, NOW)
    assert names() == {"Ada Ortiz"}, "people live below the catalog, and their changes count too"
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        people.save_user("ada", UserValue("Eve", "ada@example.com"), BY, NOW)
        assert names() == {"Eve"}
        raise ZeroDivisionError
    assert names() == {"Ada Ortiz"}
