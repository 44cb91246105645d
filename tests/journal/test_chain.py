"""Any edit, deletion, change of order or cut tail is found and named."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from tocsin.journal.actions import Fact, release_lease, seal, take_lease, verify, write
from tocsin.journal.models import Entry, Head, Seal
from tocsin.kernel.acting import By

NOW = datetime(2026, 3, 2, 9, 0, 0, 123456, tzinfo=UTC)
KEY = b"the key that is kept outside of the database"
BY = By("user:ada", "web")
CHAINS = ("incident:1", "incident:2", "organisation")

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _written(db: None) -> None:
    for number in range(30):
        data = {"number": number, "text": "ü→\u2028", "deep": [1.5, None]}
        with transaction.atomic():
            write([Fact(CHAINS[number % 3], "fact.told", data)], BY, NOW)
        if number % 7 == 0:
            seal(KEY, NOW)
    seal(KEY, NOW)


def test_what_nobody_touched_holds() -> None:
    assert verify(KEY) == []
    assert Seal.objects.count() > 3


def test_an_edit_of_any_column_is_found_and_named() -> None:
    changes = {
        "kind": "fact.denied", "who": "user:bo", "through": "api", "happened_at": datetime(2020, 1, 1, tzinfo=UTC),
        "written_at": datetime(2020, 1, 1, tzinfo=UTC), "data": {"number": 4}, "hash": "0" * 64,
    }  # fmt: skip
    for column, value in changes.items():
        entry = Entry.objects.get(chain="incident:1", seq=4)
        before = getattr(entry, column)
        Entry.objects.filter(pk=entry.pk).update(**{column: value})
        (broken,) = verify(KEY)
        assert (broken.chain, broken.seq) == ("incident:1", 4), column
        Entry.objects.filter(pk=entry.pk).update(**{column: before})
    assert verify(KEY) == []


def test_a_deletion_in_the_middle_is_found_and_named() -> None:
    Entry.objects.filter(chain="incident:2", seq=5).delete()
    (broken,) = verify(KEY)
    assert (broken.chain, broken.seq) == ("incident:2", 5)
    assert "missing" in broken.why


def test_two_entries_that_changed_places_are_found() -> None:
    Entry.objects.filter(chain="organisation", seq=3).update(seq=99)
    Entry.objects.filter(chain="organisation", seq=4).update(seq=3)
    Entry.objects.filter(chain="organisation", seq=99).update(seq=4)
    (broken,) = verify(KEY)
    assert (broken.chain, broken.seq) == ("organisation", 3)


def test_a_cut_tail_is_found_even_when_the_head_was_mended_to_match() -> None:
    Entry.objects.filter(chain="incident:1", seq__gte=8).delete()
    last = Entry.objects.get(chain="incident:1", seq=7)
    Head.objects.filter(chain="incident:1").update(seq=7, hash=last.hash, sealed_seq=7)
    (broken,) = verify(KEY)
    assert broken.chain == "incident:1"
    assert broken.seq >= 8


def test_a_chain_that_is_gone_altogether_is_missed() -> None:
    Entry.objects.filter(chain="incident:2").delete()
    Head.objects.filter(chain="incident:2").delete()
    assert [broken.chain for broken in verify(KEY)] == ["incident:2"]


def test_a_chain_written_anew_with_right_hashes_does_not_match_its_seals() -> None:
    Entry.objects.filter(chain="incident:1").delete()
    Head.objects.filter(chain="incident:1").delete()
    for number in range(10):
        write([Fact("incident:1", "fact.told", {"number": number, "forged": True})], BY, NOW)
    assert "incident:1" in {broken.chain for broken in verify(KEY)}


def test_a_seal_that_was_removed_or_forged_is_found() -> None:
    second = Seal.objects.order_by("pk")[1]
    Seal.objects.filter(pk=second.pk).update(signature="0" * 64)
    assert verify(KEY)[0].chain == "seals"
    Seal.objects.filter(pk=second.pk).update(signature=second.signature)
    assert verify(KEY) == []
    second.delete()
    assert verify(KEY)[0].chain == "seals"


def test_another_key_does_not_verify() -> None:
    assert verify(b"another key")[0].chain == "seals"


def test_random_edits_in_the_tables_are_all_found() -> None:
    picked = random.Random(7)
    for _ in range(40):
        entry = picked.choice(list(Entry.objects.all()))
        column = picked.choice(["kind", "who", "through", "hash"])
        value = getattr(entry, column)
        Entry.objects.filter(pk=entry.pk).update(
            **{column: value[::-1] + "x" if len(value) < 16 else value[:-1]}
        )
        assert verify(KEY), (entry, column)
        Entry.objects.filter(pk=entry.pk).update(**{column: value})
    assert verify(KEY) == []


@pytest.mark.django_db(transaction=True)
def test_an_entry_outside_of_a_transaction_is_a_mistake() -> None:
    assert not connection.in_atomic_block
    with pytest.raises(RuntimeError, match="transaction"):
        write([Fact("incident:1", "fact.told", {})], BY, NOW)


def test_a_lease_is_one_holder_s_and_its_token_rises_when_it_changes_hands() -> None:
    length = timedelta(seconds=30)
    first = take_lease("seal", "one", NOW, length)
    assert first is not None
    assert take_lease("seal", "two", NOW + timedelta(seconds=29), length) is None
    assert take_lease("seal", "one", NOW + timedelta(seconds=29), length) == first
    assert take_lease("seal", "two", NOW + timedelta(seconds=59), length) == first + 1
    release_lease("seal", "two", NOW + timedelta(seconds=60))
    assert take_lease("seal", "one", NOW + timedelta(seconds=60), length) == first + 2
