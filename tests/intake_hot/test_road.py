"""From the socket to the table: what is answered 2xx is stored, in its order, once, and nothing else is."""

from __future__ import annotations

import gzip
import json
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, connection

from tests.intake_hot.serving import CONFIGURATION, KEY, OFF_KEY, OTHER_KEY, Serving, read, stored, written
from tests.patience import eventually
from tocsin.catalog.rules import Configuration
from tocsin.intake import hot, hot_inline
from tocsin.intake.hot_share import Room, Shares
from tocsin.intake.models import Inbox, Remembered
from tocsin.intake.rules import BODY_BYTES_MAX

HOOK = f"/hooks/{KEY}"


def test_an_event_is_stored_when_it_is_answered(serving: Serving) -> None:
    answer = serving.post({"summary": "disk full"})
    assert (answer.status, answer.json["status"]) == (202, "accepted")
    row = Inbox.objects.get()
    assert (row.integration_id, row.source, row.lane, bytes(row.body)) == (
        "shop-events", "generic", 0, b'{"summary": "disk full"}',
    )  # fmt: skip
    assert abs(row.received_at - datetime.now(UTC)) < timedelta(minutes=1)


def test_every_vendor_is_answered_in_its_own_words(serving: Serving) -> None:
    event = {"event_action": "resolve", "dedup_key": "a", "routing_key": KEY}
    assert serving.ask("/v2/enqueue", event).json == {
        "status": "success", "message": "Event processed", "dedup_key": "a",
    }  # fmt: skip
    genie = {"authorization": f"GenieKey {KEY}"}
    assert (
        serving.ask("/v2/alerts", {"message": "x"}, headers=genie).json["result"]
        == "Request will be processed"
    )
    direct = serving.ask(
        "/api/v2/alerts", [{"labels": {"a": "b"}}], headers={"authorization": f"Bearer {KEY}"}
    )
    assert (direct.status, direct.body) == (200, b"")
    assert [row.source for row in Inbox.objects.order_by("id")] == ["pagerduty", "opsgenie", "alertmanager"]


@pytest.mark.parametrize("key", ["nobody-s-key", OFF_KEY, "*", "%2e%2e"])
def test_a_key_that_opens_nothing_is_told_so_and_nothing_is_stored(serving: Serving, key: str) -> None:
    for path, body, headers in (
        (f"/hooks/{key}", {"summary": "x"}, {}),
        ("/v2/enqueue", {"routing_key": key, "event_action": "resolve", "dedup_key": "x"}, {}),
        ("/v2/alerts", {"message": "x"}, {"authorization": f"GenieKey {key}"}),
        ("/api/v2/alerts", [], {"authorization": f"Bearer {key}"}),
        (f"/v2/alerts?apiKey={key}", {"message": "x"}, {}),
    ):
        answer = serving.ask(path, body, headers=headers)
        assert answer.status == 401 and key not in answer.body.decode()
    assert stored() == []


def test_a_key_made_a_moment_ago_opens_at_once(db: None) -> None:
    known = Configuration(version=0)

    with Serving(configuration=lambda: known) as serving:
        assert serving.post({"summary": "x"}).status == 401
        known = CONFIGURATION
        assert serving.post({"summary": "x"}).status == 202


def test_a_packed_request_that_waited_for_the_configuration_is_unpacked_once(db: None) -> None:
    versions = iter([Configuration(version=0)])

    with Serving(configuration=lambda: next(versions, CONFIGURATION)) as serving:
        packed = gzip.compress(b'{"summary": "packed"}')
        assert serving.post(packed, content_encoding="gzip").status == 202
    assert stored() == ['{"summary": "packed"}']


def test_many_at_once_share_commits_and_each_is_stored_once(inside: Serving) -> None:
    """64 connections, 10 requests each, pipelined: every answer is in its request's place."""
    before = hot.GROUPS._value.get()

    def send(number: int) -> None:
        with inside.connect() as one:
            one.sendall(b"".join(written(HOOK, {"summary": "x", "key": f"{number}-{n}"}) for n in range(10)))
            assert [answer.json["key"] for answer in read(one, 10)] == [f"{number}-{n}" for n in range(10)]

    threads = [threading.Thread(target=send, args=(number,)) for number in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    keys = [json.loads(body)["key"] for body in stored()]
    assert sorted(keys) == sorted(f"{number}-{n}" for number in range(64) for n in range(10))
    assert hot.GROUPS._value.get() - before < 640


def test_large_bodies_go_through_the_bulk_lane(inside: Serving) -> None:
    alerts = [{"labels": {"alertname": "x", "n": str(n)}} for n in range(300)]
    assert inside.ask(f"{HOOK}/api/v2/alerts", alerts).status == 200
    assert inside.post({"summary": "small"}).status == 202
    assert list(Inbox.objects.order_by("id").values_list("lane", flat=True)) == [1, 0]


@pytest.mark.parametrize("inline", [True, False])
def test_when_the_commit_fails_nobody_is_told_yes_and_nothing_is_stored(
    db: None, monkeypatch: pytest.MonkeyPatch, inline: bool
) -> None:
    def fail(*_: object) -> None:
        raise DatabaseError("database or disk is full")

    with Serving(inline=inline) as serving:
        assert serving.post({"summary": "first"}).status == 202
        monkeypatch.setattr(hot, "store", fail)
        monkeypatch.setattr(hot_inline.Inline, "store", fail)
        answer = serving.post({"summary": "second"})
        assert (answer.status, answer.headers["retry-after"]) == (507, "5")
        assert "disk" in answer.json["error"]["what"]
        monkeypatch.undo()
        assert serving.post({"summary": "third"}).status == 202
    assert [json.loads(body)["summary"] for body in stored()] == ["first", "third"]


def test_a_full_inbox_says_come_again_and_forgets_nobody(db: None) -> None:
    with Serving(room=Room(rows_max=4)) as serving:
        statuses = [serving.post({"summary": "x"}).status for _ in range(3)]
        others = [serving.ask(f"/hooks/{OTHER_KEY}", {"summary": "x"}).status for _ in range(3)]
        assert statuses == [202, 202, 503]  # one integration may fill half of it
        assert others == [202, 202, 503]
        full = serving.ask(f"/hooks/{OTHER_KEY}", {"summary": "x"})
        assert full.headers["retry-after"] == "5" and full.json["error"]["what"] == "The inbox is full"
        Inbox.objects.all().delete()
        serving.intake._look.set()
        eventually(lambda: serving.post({"summary": "x"}).status == 202, rest=0.01)


def test_a_sender_that_sends_too_much_is_told_so_and_the_others_are_not(db: None) -> None:
    with Serving(shares=Shares(per_second=0.001, burst=5)) as serving:
        alerts = [{"labels": {"n": str(n)}} for n in range(4)]
        assert serving.ask(f"{HOOK}/api/v2/alerts", alerts).status == 200
        began = time.monotonic()
        assert serving.ask(f"{HOOK}/api/v2/alerts", alerts).status == 429
        # Else its next request comes at once. The server's timers count whole milliseconds.
        assert time.monotonic() - began >= hot.TOO_MUCH_SECONDS - 0.01
        assert serving.ask(f"/hooks/{OTHER_KEY}", {"summary": "x"}).status == 202


# --- Idempotency-Key (C11) ---------------------------------------------------------------------------------------


def test_c11_a_hundred_parallel_posts_with_one_idempotency_key_are_one_event_and_one_answer(
    inside: Serving,
) -> None:
    answers = []

    def send() -> None:
        event = {"routing_key": KEY, "event_action": "trigger", "payload": {
            "summary": "x", "source": "y", "severity": "info"}}  # fmt: skip
        answers.append(inside.ask("/v2/enqueue", event, headers={"idempotency-key": "one"}))

    threads = [threading.Thread(target=send) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {(answer.status, answer.body) for answer in answers} == {(202, answers[0].body)}
    assert len(stored()) == 1 and Remembered.objects.count() == 1
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == 99


def test_c11_another_body_under_the_same_key_is_refused_and_another_integration_has_its_own(
    serving: Serving,
) -> None:
    assert serving.post({"summary": "a"}, idempotency_key="k").status == 202
    other = serving.post({"summary": "b"}, idempotency_key="k")
    assert other.status == 422 and "Idempotency-Key" in other.json["error"]["what"]
    assert serving.post({"summary": "b"}, f"/hooks/{OTHER_KEY}", idempotency_key="k").status == 202
    assert serving.post({}, idempotency_key="bad").status == 400
    assert (
        serving.post({"summary": "good"}, idempotency_key="bad").status == 202
    )  # a refusal is not remembered


def test_c11_after_a_day_the_key_is_free_again(db: None) -> None:
    instant = datetime(2026, 3, 2, 9, tzinfo=UTC)
    with Serving(clock=lambda: instant) as serving:
        assert serving.post({"summary": "a"}, idempotency_key="k").status == 202
        instant += timedelta(hours=23, minutes=59)
        assert serving.post({"summary": "b"}, idempotency_key="k").status == 422
        instant += timedelta(minutes=2)
        assert serving.post({"summary": "b"}, idempotency_key="k").status == 202
    assert len(stored()) == 2


def test_the_program_ends_with_everything_accepted_stored_and_answered(db: None) -> None:
    with Serving() as serving, serving.connect() as one:
        one.sendall(b"".join(written(HOOK, {"summary": "x", "key": str(n)}) for n in range(50)))
        answers = read(one, 50)
    assert len([answer for answer in answers if answer.status == 202]) == len(stored()) == 50


def test_intake_leaves_no_connection_behind(db: None) -> None:
    with Serving() as serving:
        serving.post({"summary": "x"})
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("intake-commit")]
    assert connection.vendor in ("sqlite", "postgresql") and BODY_BYTES_MAX == 512 * 1024
