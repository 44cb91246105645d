"""Chains as they grow: whatever is said, whoever writes, whatever is rolled back; and their rule, for any chain."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.db import connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from tests.world import T0
from tocsin.journal.actions import Fact, verify, write
from tocsin.journal.models import Entry, Head
from tocsin.journal.rules import GENESIS, Link, check_chain, hash_of
from tocsin.kernel.acting import ENGINE, by_user

KEY = b"a key of these tests"
A = "incident:1"


def say(chain: str, *kinds: str) -> None:
    with transaction.atomic():
        write([Fact(chain, kind, {"n": number}) for number, kind in enumerate(kinds)], ENGINE, T0)


def test_what_was_written_reads_back_whatever_it_says(db: None) -> None:
    data = {
        "text": 'Fjällräven 🔥 \\ " \n',
        "numbers": [0, -1, 1.5, 1e-7, 10**15],
        "none": None,
        "deep": [{"a": [True]}],
    }
    with transaction.atomic():
        at = datetime(2026, 3, 29, 3, 30, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
        write([Fact(A, "incident.noted", data, at)], by_user("ada", "web"), T0)
    assert verify(KEY) == []
    entry = Entry.objects.get()
    assert (entry.data, entry.happened_at, entry.who) == (data, at, "user:ada")


def test_what_was_rolled_back_leaves_no_gap(db: None) -> None:
    say(A, "incident.opened")
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        write([Fact(A, "incident.resolved", {})], ENGINE, T0)
        _ = 1 / 0
    say(A, "incident.noted")
    assert verify(KEY) == []
    assert list(Entry.objects.filter(chain=A).values_list("seq", flat=True).order_by("seq")) == [1, 2]


def test_many_writers_of_one_chain_make_one_chain(transactional_db: None) -> None:
    faults: list[BaseException] = []

    def work(mine: str) -> None:
        try:
            for _ in range(10):
                say(A, mine)
                say(mine, "its.own")
        except BaseException as fault:  # a thread's error must not be lost
            faults.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(f"chain:{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert faults == []
    assert verify(KEY) == []
    assert Head.objects.get(chain=A).seq == 40


# -- the rule itself, for any chain ----------------------------------------------------------------------------------

TEXT = st.text(max_size=20)
DATA = st.dictionaries(TEXT, st.none() | st.booleans() | st.integers() | TEXT, max_size=3)


def chained(data: list[dict[str, object]]) -> list[Link]:
    links, previous = [], GENESIS
    for seq, said in enumerate(data, 1):
        link = Link("c", seq, "k", T0, T0, "engine", "engine", said)
        links.append(replace(link, hash=hash_of(previous, link)))
        previous = links[-1].hash
    return links


@given(st.lists(DATA, min_size=1, max_size=8), st.data())
def test_any_change_of_any_entry_is_named(said: list[dict[str, object]], draw: st.DataObject) -> None:
    links = chained(said)
    assert check_chain(links) is None
    place = draw.draw(st.integers(0, len(links) - 1))
    other = draw.draw(DATA.filter(lambda data: data != links[place].data))
    links[place] = replace(links[place], data=other)
    broken = check_chain(links)
    assert broken is not None
    assert broken.seq == place + 1


@given(st.lists(DATA, min_size=2, max_size=8), st.data())
def test_any_entry_that_is_missing_before_the_last_is_named(
    said: list[dict[str, object]], draw: st.DataObject
) -> None:
    links = chained(said)
    place = draw.draw(st.integers(0, len(links) - 2))
    del links[place]
    broken = check_chain(links)
    assert broken is not None
    assert broken.seq == place + 1


def test_an_instant_has_one_form_in_every_zone() -> None:
    link = Link("c", 1, "k", T0, T0, "engine", "engine", {})
    elsewhere = replace(
        link, happened_at=T0.astimezone(timezone(timedelta(hours=9))), written_at=T0.astimezone(UTC)
    )
    assert hash_of(GENESIS, link) == hash_of(GENESIS, elsewhere)
