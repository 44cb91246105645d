"""The sender with real threads and a real database, and channels that do what a test wants."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError, transaction
from django.db.models import F

from tests.patience import PATIENCE, eventually
from tests.world import Clock, Outbox, World
from tocsin.engine import attempt, delivery
from tocsin.engine.attempt import deliver_due, deliver_one, destination_of, plain
from tocsin.engine.delivery import Sender
from tocsin.engine.traffic import FRESH, HELD_MAX, PER_DESTINATION, PER_DESTINATION_MAX, Traffic
from tocsin.journal.models import Entry
from tocsin.notification.actions import Call, page_people, quiet
from tocsin.notification.claiming import claim
from tocsin.notification.models import Attempt, Delivery, Page
from tocsin.notification.recording import Result, record_all
from tocsin.notification.rules import DeliveryState, Failed, Limits, Message, Sent
from tocsin.notification.rules.grades import Closed, Grade
from tocsin.people.models import User


class Crowd:
    """A channel for "crowd://host/x": every send to a host that hangs waits until the test opens the gate."""

    name = "crowd"
    schemes = ("crowd",)
    limits = Limits()

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.hanging: set[str] = set()
        self.begun: list[str] = []
        self.done: list[str] = []

    def check(self, address: str) -> str:
        return address

    def send(self, address: str, to_name: str, message: Message, now: object) -> Sent | Failed:
        self.begun.append(address)
        if destination_of(address) in self.hanging:
            self.gate.wait(PATIENCE)
        self.done.append(address)
        return Sent(message.id)


until = partial(eventually, rest=0.005)  # another thread has made it so


def due(
    user: User,
    address: str,
    clock: Clock,
    urgent: bool = True,
    incident: int | None = None,
    priority: str = "",
) -> Delivery:
    page = Page.objects.create(
        user=user, incident_id=incident, urgency="high" if urgent else "low", reason="a test", subject="Look",
        details={"priority": priority} if priority else {}, created_at=clock.now,
    )  # fmt: skip
    return Delivery.objects.create(
        page=page, incident_id=incident, contact="c", address=address, urgent=urgent, priority=priority,
        due_at=clock.now, next_at=clock.now,
    )  # fmt: skip


@pytest.fixture
def crowd(monkeypatch: pytest.MonkeyPatch) -> Crowd:
    from tocsin.notification import channels

    made = Crowd()
    monkeypatch.setitem(channels._by_scheme, "crowd", made)
    return made


Start = Callable[..., Sender]


@pytest.fixture
def start(transactional_db: None, world: World, clock: Clock, crowd: Crowd) -> Iterator[Start]:
    """Starts senders that are stopped, and whose threads are gone, when the test ends."""
    running: list[Sender] = []

    def begin(**options: Any) -> Sender:
        running.append(Sender(lambda: clock.now, lambda: 0.5, **options))
        running[-1].start()
        return running[-1]

    yield begin
    crowd.gate.set()
    for sender in running:
        assert sender.stop(PATIENCE)


def states() -> dict[str, int]:
    found: dict[str, int] = {}
    for state in Delivery.objects.values_list("state", flat=True):
        found[str(state)] = found.get(str(state), 0) + 1
    return found


# -- one delivery --------------------------------------------------------------------------------------------------


def test_what_is_due_is_sent_and_written_down(world: World, clock: Clock, outbox: Outbox) -> None:
    one = due(world.bo, "fake:bo", clock, incident=7)

    assert deliver_due(clock.now, 10, lambda: clock.now, lambda: 0.5) == 1

    one.refresh_from_db()
    assert (one.state, one.reference, one.sent_at) == (DeliveryState.SENT, "fake-1", clock.now)
    (message,) = outbox.to("bo")
    assert message.id == str(one.pk)
    assert Attempt.objects.get().outcome == "sent"
    assert Entry.objects.filter(chain="incident:7", kind="page.sent").exists()
    assert deliver_due(clock.now, 10, lambda: clock.now, lambda: 0.5) == 0


def test_a_failure_is_tried_again_after_two_seconds_under_the_same_id(
    world: World, clock: Clock, outbox: Outbox
) -> None:
    outbox.fail("bo")
    one = due(world.bo, "fake:bo", clock)

    deliver_due(clock.now, 10, lambda: clock.now, lambda: 0.5)
    one.refresh_from_db()
    assert (one.state, one.next_at) == (DeliveryState.DUE, clock.now + timedelta(seconds=2))
    assert one.error == "the provider says no"
    deliver_due(clock.forward(seconds=2), 10, lambda: clock.now, lambda: 0.5)
    assert [message.id for message in outbox.to("bo")] == [str(one.pk)]


def test_an_address_that_nothing_serves_is_undeliverable_in_words(world: World, clock: Clock) -> None:
    one = due(world.bo, "pigeon:bo", clock)

    deliver_due(clock.now, 10, lambda: clock.now, lambda: 0.5)

    one.refresh_from_db()
    assert one.state == DeliveryState.UNDELIVERABLE
    assert "pigeon" in one.error


class Delicate(Outbox):
    """Breaks at any letter beyond ASCII, as a buggy template would."""

    def send(self, address: str, to_name: str, message: Message, now: Any) -> Sent | Failed:
        message.subject.encode("ascii")
        return super().send(address, to_name, message, now)


def test_a_poison_text_still_pages_in_plain_letters_with_a_note(world: World, clock: Clock) -> None:
    channel = Delicate()
    one = due(world.bo, "fake:bo", clock)
    Page.objects.update(subject="Käse brennt", details={"x": "y"})
    (claimed,) = claim(clock.now)

    result = deliver_one(claimed, lambda: clock.now, lambda address: channel)

    assert isinstance(result.outcome, Sent)
    (message,) = channel.to("bo")
    assert (message.id, message.subject) == (str(one.pk), "K?se brennt")
    assert "rendering failed" in message.note
    assert message.details == {}


def test_a_message_that_cannot_be_composed_still_pages(
    world: World, clock: Clock, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(page: Page, delivery_id: object) -> Message:
        raise KeyError("poison")

    monkeypatch.setattr(attempt, "message_of", breaks)
    due(world.bo, "fake:bo", clock)

    deliver_due(clock.now, 10, lambda: clock.now, lambda: 0.5)

    (message,) = outbox.to("bo")
    assert message.subject == "Look"
    assert "rendering failed" in message.note


def test_a_channel_with_a_bug_is_a_failure_in_words(world: World, clock: Clock) -> None:
    class Broken(Outbox):
        def send(self, address: str, to_name: str, message: Message, now: Any) -> Sent | Failed:
            raise ZeroDivisionError

    due(world.bo, "fake:bo", clock)
    (claimed,) = claim(clock.now)
    result = deliver_one(claimed, lambda: clock.now, lambda address: Broken())
    assert result.outcome == Failed("the channel failed: ZeroDivisionError", perhaps=True)


def test_plain_is_short_and_ascii_whatever_it_is_given() -> None:
    wild = Message("id", "ü" * 900, ["\ud800" * 900] * 90, note="\x00")
    said = plain(wild)
    assert said.subject == "?" * 200
    assert said.lines == ("?" * 500,) * 20
    assert said.note.isascii()


@pytest.mark.parametrize(
    ("address", "destination"),
    [
        ("mailto:bo@example.com", "mailto:"),
        ("https://example.com/hook?x=//y", "https://example.com/"),
        ("https://example.com:8443/", "https://example.com:8443/"),
        ("http://[2001:db8::1]:80/x", "http://[2001:db8::1]:80/"),
        ("console:bo", "console:"),
    ],
)
def test_a_destination_is_who_takes_the_message(address: str, destination: str) -> None:
    assert destination_of(address) == destination
    assert address.startswith(destination)


# -- many ----------------------------------------------------------------------------------------------------------


def test_a_commit_wakes_the_sender(start: Start, world: World, clock: Clock, outbox: Outbox) -> None:
    start()
    with transaction.atomic():
        page_people([Call(world.bo.pk, 412, "high", "level 1", "Checkout fails")], clock.now)
    until(lambda: states() == {"sent": 1})
    assert outbox.people == ["bo"]


def test_what_is_urgent_goes_first(start: Start, world: World, clock: Clock, crowd: Crowd) -> None:
    for n in range(5):
        due(world.bo, f"crowd://host/low-{n}", clock, urgent=False)
    due(world.bo, "crowd://host/urgent", clock)

    start(workers_max=1)

    until(lambda: len(crowd.done) == 6)
    assert crowd.done[0] == "crowd://host/urgent"


def test_of_what_is_urgent_the_worst_goes_first(
    start: Start, world: World, clock: Clock, crowd: Crowd
) -> None:
    for priority in ("P3", "P2", "P1"):
        due(world.bo, f"crowd://host/{priority}", clock, priority=priority)
    due(world.bo, "crowd://host/low", clock, urgent=False, priority="P1")

    start(workers_max=1)

    until(lambda: len(crowd.done) == 4)
    assert [address.rpartition("/")[2] for address in crowd.done] == ["P1", "P2", "P3", "low"]


@pytest.mark.parametrize(("urgent", "goes"), [(True, "P1"), (False, "P3")])
def test_what_presses_more_finds_a_place_at_a_destination_where_everything_hangs(
    start: Start, world: World, clock: Clock, crowd: Crowd, urgent: bool, goes: str
) -> None:
    crowd.hanging = {"crowd://slow/"}
    taken = PER_DESTINATION[Grade.URGENT if urgent else Grade.LOW]
    for n in range(60):
        due(world.bo, f"crowd://slow/{n}", clock, urgent=urgent, priority="P3")
    sender = start()
    until(lambda: len(crowd.begun) == taken)

    due(world.bo, "crowd://slow/presses-more", clock, priority=goes)
    sender._heard("deliveries")

    until(lambda: len(crowd.begun) == taken + 1)
    assert crowd.begun[-1] == "crowd://slow/presses-more"
    crowd.gate.set()
    until(lambda: states() == {"sent": 61})


def test_what_waits_for_its_destination_is_passed_by_what_presses_more(
    world: World, clock: Clock, crowd: Crowd
) -> None:
    traffic = Traffic()
    for n in range(PER_DESTINATION[Grade.WORST] + 4):
        due(world.bo, f"crowd://host/a{n}", clock, priority="P1")
    placed = [traffic.place(claimed) for claimed in claim(clock.now)]
    assert placed == [True] * PER_DESTINATION[Grade.WORST] + [False] * 4
    assert traffic.closed() == (Closed("crowd://host/", Grade.WORST),)

    traffic = Traffic()
    for grade in ("P3", "P1"):  # first all the places of what is urgent, and some that wait for one
        for n in range(PER_DESTINATION_MAX + 4):
            due(world.bo, f"crowd://host/{grade}-{n}", clock, priority=grade)
        placed = [traffic.place(claimed) for claimed in claim(clock.now)]
    assert placed == [True] * 4 + [False] * PER_DESTINATION_MAX

    traffic.ended(traffic.under_way()[:1])
    claimed = traffic.next_held()
    assert claimed is not None and claimed.grade is Grade.WORST
    assert traffic.next_held() is None


def test_fifty_sends_that_hang_delay_nobody_else(
    start: Start, world: World, clock: Clock, crowd: Crowd
) -> None:
    crowd.hanging = {"crowd://slow/"}
    for n in range(50):
        due(world.bo, f"crowd://slow/{n}", clock)
    start()
    until(lambda: len(crowd.begun) == PER_DESTINATION_MAX)

    for n in range(20):
        due(world.cy, f"crowd://quick/{n}", clock)
    with transaction.atomic():
        from tocsin.journal.waking import wake

        wake("deliveries")

    # All of them arrive while the fifty still hang; those hold their threads and a few claims, no more.
    until(lambda: len(crowd.done) == 20)
    assert {destination_of(address) for address in crowd.done} == {"crowd://quick/"}
    assert len(crowd.begun) == PER_DESTINATION_MAX + 20
    until(lambda: states().get("sent") == 20)
    assert states()["sending"] <= PER_DESTINATION_MAX + HELD_MAX

    crowd.gate.set()
    until(lambda: states() == {"sent": 70})
    assert len(crowd.begun) == len(set(crowd.begun)) == 70


def test_fifty_hosts_that_hang_delay_nobody_else(
    start: Start, world: World, clock: Clock, crowd: Crowd
) -> None:
    crowd.hanging = {f"crowd://slow-{n}/" for n in range(50)}
    for n in range(50):
        due(world.bo, f"crowd://slow-{n}/x", clock)
    due(world.cy, "crowd://quick/x", clock, urgent=False)
    start()
    until(lambda: crowd.done == ["crowd://quick/x"])
    until(lambda: len(crowd.begun) == 51)


def test_what_is_less_urgent_never_takes_the_last_threads(
    start: Start, world: World, clock: Clock, crowd: Crowd
) -> None:
    crowd.hanging = {f"crowd://slow-{n}/" for n in range(8)}
    for n in range(8):
        due(world.bo, f"crowd://slow-{n}/x", clock, urgent=False)
    sender = start(workers_max=4)
    until(lambda: len(crowd.begun) >= 3)

    due(world.cy, "crowd://quick/x", clock)
    sender._heard("deliveries")

    until(lambda: crowd.done == ["crowd://quick/x"])


def test_who_has_answered_is_not_sent_what_waited_for_a_crowded_destination(
    start: Start, world: World, clock: Clock, crowd: Crowd
) -> None:
    crowd.hanging = {"crowd://slow/"}
    for n in range(PER_DESTINATION_MAX + 10):
        due(world.bo, f"crowd://slow/{n}", clock, incident=412)
    start()
    until(lambda: len(crowd.begun) == PER_DESTINATION_MAX)

    with transaction.atomic():
        quiet([412], "acknowledged by Bo Lind", clock.now)
    crowd.gate.set()

    until(lambda: states() == {"sent": PER_DESTINATION_MAX, "suppressed": 10})
    assert len(crowd.begun) == PER_DESTINATION_MAX


def test_what_waited_for_a_thread_is_given_back_and_counts_no_attempt(
    transactional_db: None, world: World, clock: Clock, crowd: Crowd
) -> None:
    one = due(world.bo, "crowd://host/x", clock)
    sender = Sender(lambda: clock.now, lambda: 0.5)
    (claimed,) = claim(clock.now)
    assert sender._traffic.place(claimed)
    sender._traffic._taken_at[claimed] -= 2 * FRESH

    sender._send(claimed)
    sender._collect()
    sender._write_down()

    one.refresh_from_db()
    assert crowd.begun == []
    assert (one.state, one.attempts) == (DeliveryState.DUE, 0)


def test_what_was_given_back_after_an_answer_stays_unsent(world: World, clock: Clock, crowd: Crowd) -> None:
    one = due(world.bo, "crowd://host/x", clock, incident=412)
    (claimed,) = claim(clock.now)
    quiet([412], "acknowledged by Bo Lind", clock.now)

    record_all([Result(claimed, None, timedelta(0), clock.now)], lambda: 0.5, clock.now)

    one.refresh_from_db()
    assert one.state == DeliveryState.SUPPRESSED
    assert claim(clock.forward(minutes=5)) == []


def test_what_a_dead_node_was_sending_is_not_sent_after_an_answer(world: World, clock: Clock) -> None:
    one = due(world.bo, "crowd://host/x", clock, incident=412)
    claim(clock.now)  # by a node that dies now
    quiet([412], "acknowledged by Bo Lind", clock.now)

    assert claim(clock.forward(minutes=1)) == []
    one.refresh_from_db()
    assert one.state == DeliveryState.SUPPRESSED


def test_a_database_that_goes_away_after_sending_causes_no_second_message(
    start: Start, world: World, clock: Clock, crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, tries = delivery.record_all, []

    def away(*arguments: Any) -> None:
        tries.append(arguments)
        if len(tries) <= 3:
            raise OperationalError("the database is restarting")
        honest(*arguments)

    monkeypatch.setattr(delivery, "record_all", away)
    monkeypatch.setattr(delivery, "AWAY_REST", 0.01)
    due(world.bo, "crowd://host/x", clock)
    clock_at_sending = clock.now
    start()
    until(lambda: len(tries) >= 1)
    clock.forward(minutes=10)  # far beyond the lease

    until(lambda: states() == {"sent": 1})
    assert crowd.done == ["crowd://host/x"]
    assert Delivery.objects.get().sent_at == clock_at_sending


def test_one_attempt_that_cannot_be_recorded_does_not_hold_up_the_others(
    start: Start, world: World, clock: Clock, crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = delivery.record_all

    def picky(results: Any, *rest: Any) -> None:
        if any(result.claimed.address.endswith("poison") for result in results):
            raise ValueError("a bug")
        honest(results, *rest)

    monkeypatch.setattr(delivery, "record_all", picky)
    due(world.bo, "crowd://host/poison", clock)
    for n in range(5):
        due(world.bo, f"crowd://host/{n}", clock)
    start()

    until(lambda: states() == {"sent": 5, "sending": 1})
    monkeypatch.setattr(delivery, "record_all", honest)  # or the sender tries until the time to stop is over
    until(lambda: states() == {"sent": 6})


def test_many_that_went_are_written_down_as_each_would_be_by_itself(world: World, clock: Clock) -> None:
    for n in range(4):
        due(world.bo, f"crowd://host/{n}", clock, incident=410 + n)
    results = []
    for claimed in claim(clock.now):
        sent = Sent(reference=f"ref {claimed.address[-1]}", receipt_within=timedelta(minutes=1))
        results.append(Result(claimed, sent, timedelta(milliseconds=7), clock.forward(seconds=1)))
    took_over, gone, *_ = results
    Delivery.objects.filter(pk=took_over.claimed.id).update(fence=F("fence") + 1)
    Delivery.objects.filter(pk=gone.claimed.id).delete()

    record_all(results, lambda: 0.5, clock.now)

    assert states() == {"sent": 2, "sending": 1}
    for result in results[2:]:
        row = Delivery.objects.get(pk=result.claimed.id)
        assert (row.sent_at, row.reference) == (result.at, f"ref {result.claimed.address[-1]}")
        assert row.receipt_by == result.at + timedelta(minutes=1)
        assert [(each.number, each.at, each.took_ms, each.outcome) for each in row.tries.all()] == [
            (1, result.at, 7, "sent")
        ]
        (entry,) = Entry.objects.filter(chain=result.chain, kind="page.sent")
        assert (entry.happened_at, entry.data["delivery"]) == (result.at, str(row.pk))
    late = Delivery.objects.get(pk=took_over.claimed.id)
    assert [each.outcome for each in late.tries.all()] == ["sent"]
    assert not Entry.objects.filter(chain=took_over.chain, kind="page.sent").exists()


def test_a_delivery_that_was_deleted_meanwhile_is_forgotten(
    start: Start, world: World, clock: Clock, crowd: Crowd
) -> None:
    crowd.hanging = {"crowd://slow/"}
    due(world.bo, "crowd://slow/x", clock)
    sender = start()
    until(lambda: crowd.begun)
    Page.objects.all().delete()
    crowd.gate.set()
    until(lambda: crowd.done)
    until(lambda: sender.under_way == sender.unrecorded == 0)


def test_stopping_records_what_ends_in_time_and_gives_back_the_rest(
    transactional_db: None, world: World, clock: Clock, crowd: Crowd
) -> None:
    crowd.hanging = {"crowd://slow/"}
    for n in range(PER_DESTINATION_MAX + 3):
        due(world.bo, f"crowd://slow/{n}", clock)
    due(world.bo, "crowd://quick/x", clock)
    sender = Sender(lambda: clock.now, lambda: 0.5)
    sender.start()
    until(lambda: len(crowd.begun) == PER_DESTINATION_MAX + 1)
    until(lambda: crowd.done)

    sender.stop(3)  # two seconds for those that hang, and one to give them back, which may be little here
    until(lambda: not sender._thread.is_alive())

    assert states() == {"sent": 1, "due": PER_DESTINATION_MAX + 3}
    # At once, so that another node may take over now.
    assert len(claim(clock.now)) == PER_DESTINATION_MAX + 3
    crowd.gate.set()


def test_two_senders_share_the_work_and_repeat_nothing(
    start: Start, world: World, clock: Clock, crowd: Crowd
) -> None:
    for n in range(60):
        due(world.bo, f"crowd://host-{n % 7}/{n}", clock)
    start()
    start()
    until(lambda: states() == {"sent": 60})
    assert sorted(crowd.done) == sorted({f"crowd://host-{n % 7}/{n}" for n in range(60)})


def test_the_sender_sleeps_until_something_is_due(
    transactional_db: None, world: World, clock: Clock, crowd: Crowd
) -> None:
    sender = Sender(lambda: clock.now, lambda: 0.5)
    assert sender.look() == delivery.LOOK_AT_LEAST
    one = due(world.bo, "crowd://host/x", clock)
    Delivery.objects.filter(pk=one.pk).update(next_at=clock.now + timedelta(seconds=1.5))
    assert sender.look() == 1.5
    assert sender.looked_at == clock.now
    assert crowd.begun == []


# -- what the engine makes due -------------------------------------------------------------------------------------


def page(user: User, clock: Clock) -> None:
    page_people([Call(user.pk, 412, "high", "level 1", "Checkout fails")], clock.now)


@pytest.fixture
def idle(transactional_db: None, world: World, clock: Clock) -> Iterator[Sender]:
    """A sender whose own thread does not run: what it sends was claimed by somebody else."""
    yield Sender(lambda: clock.now, lambda: 0.5)


@pytest.mark.sqlite  # where nodes share a database, the sender claims by itself
def test_a_page_leaves_with_the_commit_that_makes_it_due(
    idle: Sender, world: World, clock: Clock, outbox: Outbox
) -> None:
    with idle.leaving(clock.now):
        page(world.bo, clock)
        assert outbox.people == []  # nothing before it is committed
    until(lambda: outbox.people == ["bo"])
    assert states() == {"sending": 1}
    idle.look()
    assert states() == {"sent": 1}


@pytest.mark.sqlite  # where nodes share a database, the sender claims by itself
def test_what_is_rolled_back_is_not_sent(idle: Sender, world: World, clock: Clock, outbox: Outbox) -> None:
    with pytest.raises(KeyError), idle.leaving(clock.now):
        page(world.bo, clock)
        raise KeyError("something else failed")
    assert states() == {}
    idle.look()
    assert (outbox.people, idle.under_way) == ([], 0)


@pytest.mark.sqlite  # where nodes share a database, the sender claims by itself
def test_a_claim_that_fails_leaves_what_was_decided_to_the_sender(
    idle: Sender, world: World, clock: Clock, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = delivery.claim

    def breaks(*arguments: Any) -> Any:
        monkeypatch.setattr(delivery, "claim", honest)
        raise ValueError("a bug")

    monkeypatch.setattr(delivery, "claim", breaks)
    with idle.leaving(clock.now):
        page(world.bo, clock)
    assert states() == {"due": 1}
    idle.look()
    until(lambda: outbox.people == ["bo"])


@pytest.mark.sqlite  # where nodes share a database, the sender claims by itself
def test_while_an_attempt_is_unrecorded_nothing_new_is_claimed(
    idle: Sender, world: World, clock: Clock, outbox: Outbox
) -> None:
    idle._unrecorded.append(idle._not_made(next(iter(claim_one(world.bo, clock)))))
    with idle.leaving(clock.now):
        page(world.cy, clock)
    assert states() == {"due": 1, "sending": 1}
    assert outbox.people == []


def claim_one(user: User, clock: Clock) -> list[Any]:
    due(user, "crowd://host/x", clock)
    return claim(clock.now)


@pytest.mark.sqlite  # where nodes share a database, the sender claims by itself
def test_many_made_due_at_once_go_no_faster_than_there_is_room(
    idle: Sender, world: World, clock: Clock, crowd: Crowd
) -> None:
    crowd.hanging = {"crowd://slow/"}
    with idle.leaving(clock.now):
        ways = [("webhook", f"crowd://slow/{n}") for n in range(PER_DESTINATION_MAX + HELD_MAX + 10)]
        page_people(
            [Call(world.bo.pk, 412, "high", "level 1", "Checkout fails", through=way) for way in ways],
            clock.now,
        )
    until(lambda: len(crowd.begun) == PER_DESTINATION_MAX)
    assert states() == {"sending": PER_DESTINATION_MAX + HELD_MAX, "due": 10}
    crowd.gate.set()
    until(lambda: len(crowd.done) == PER_DESTINATION_MAX)
