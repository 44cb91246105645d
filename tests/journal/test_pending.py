"""Whether a transaction has changed the configuration: told at any moment of it, whatever was taken back."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, transaction

from tests.world import T0
from tocsin.journal.changes import did, pending, record
from tocsin.journal.waking import wake
from tocsin.kernel.acting import ENGINE

pytestmark = pytest.mark.django_db(transaction=True)


class TakenBack(Exception):
    pass


def change() -> None:
    record([did("service.deleted", service="shop")], ENGINE, T0)


def test_a_change_is_pending_until_its_transaction_ends() -> None:
    for _ in range(2):
        assert not pending()
        with transaction.atomic():
            wake("duties")
            assert not pending()
            change()
            wake("duties")
            assert pending()
            assert pending()
        assert not pending()


def test_what_was_taken_back_is_pending_no_longer_and_what_came_before_still_is() -> None:
    with pytest.raises(TakenBack), transaction.atomic():
        with pytest.raises(TakenBack), transaction.atomic():
            change()
            assert pending()
            raise TakenBack
        assert not pending()
        change()
        with pytest.raises(TakenBack), transaction.atomic():
            wake("duties")
            assert pending()
            raise TakenBack
        assert pending()
        raise TakenBack
    assert not pending()
    with transaction.atomic():
        assert not pending()


def test_asking_again_looks_at_no_hook_again() -> None:
    """A story of a thousand pages asks ten thousand times, beside thousands of hooks."""

    class Hooks(list[Any]):
        __iter__ = None  # type: ignore[assignment] # never looked through

    with transaction.atomic():
        connection.run_on_commit = Hooks()
        wake("duties", "deliveries")
        assert not pending()
        change()
        wake("duties", "deliveries")
        assert pending()
        assert pending()
        connection.run_on_commit = []
    assert not pending()
