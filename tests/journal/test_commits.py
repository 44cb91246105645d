"""Commits that do not wait for the disk."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from tocsin.journal.commits import unsynced


def _waits() -> str:
    """How long a commit of this connection waits for the disk, in the database's own word."""
    ask = "PRAGMA synchronous" if connection.vendor == "sqlite" else "SHOW synchronous_commit"
    with connection.cursor() as cursor:
        return str(cursor.execute(ask).fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_a_commit_waits_for_the_disk_again_after_one_that_did_not() -> None:
    before = _waits()
    with unsynced():
        during = _waits()
    assert during != before
    assert _waits() == before


@pytest.mark.django_db(transaction=True)
def test_it_waits_again_after_one_that_failed() -> None:
    before = _waits()
    with pytest.raises(KeyError), unsynced():
        raise KeyError
    assert _waits() == before


@pytest.mark.django_db(transaction=True)
def test_inside_a_transaction_the_outer_one_decides() -> None:
    before = _waits()
    with transaction.atomic(), unsynced():
        assert _waits() == before
