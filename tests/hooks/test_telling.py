"""What happens to incidents, told to other programs: each fact once, in order, signed, through bad days."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.hooks.conftest import BY, Told
from tocsin.channels import signing
from tocsin.engine.hooks import secrets_of
from tocsin.hooks import collecting, sending
from tocsin.hooks.actions import (
    delete_hook,
    end_old,
    find_hook,
    log_of,
    rotate,
    save_hook,
    send_again,
    send_test,
    set_hook_enabled,
)
from tocsin.hooks.holding import hold_events, waiting_events
from tocsin.hooks.models import Hook, Message
from tocsin.hooks.rules import ATTEMPTS_MAX, EVENTS, OFF_AFTER, MessageState, settled
from tocsin.hooks.saving import HookValue
from tocsin.hooks.sending import KEPT_FOR, due_hooks, forget_old
from tocsin.incident.actions import acknowledge, close, resolve
from tocsin.incident.describing import add_note
from tocsin.incident.models import Incident
from tocsin.journal.models import Entry
from tocsin.kernel.acting import by_user
from tocsin.kernel.errors import Refused
from tocsin.notification.models import Page

BO = by_user("bo", "web")


def opened(told: Told, key: str = "one") -> Incident:
    told.event(key)
    told.look()
    incident = Incident.objects.order_by("-pk").first()
    assert incident is not None
    return incident


def test_the_life_of_an_incident_is_told_in_order_with_what_people_may_see(told: Told) -> None:
    told.hook()
    incident = opened(told)
    acknowledge(incident.pk, BO, told.now)
    add_note(incident.pk, "The disk <is> full", BO, told.now)
    resolve(incident.pk, BO, told.now)
    close(incident.pk, BO, told.now)
    assert told.tell() == len(told.received)

    lived = ["incident.opened", "climb.paged", "incident.acknowledged", "incident.noted", "incident.resolved"]
    assert told.events_told == [*lived, "incident.closed"]
    numbers = [each["sequence"] for each in told.documents]
    assert numbers == sorted(numbers)
    noted = told.documents[3]
    assert noted["version"] == 1 and noted["webhook"] == "desk"
    assert noted["by"] == {"kind": "user", "id": "bo", "name": "Bo Lind", "through": "web"}
    assert noted["detail"] == {"text": "The disk <is> full"}
    assert noted["incident"]["service"] == {"id": "shop", "name": "Web shop"}
    assert noted["incident"]["link"].endswith(f"/incidents/{incident.pk}")
    assert told.documents[1]["detail"]["people"] == ["bo"]
    assert told.tell() == 0
    assert Message.objects.filter(state=MessageState.SENT).count() == len(told.received)


def test_a_new_webhook_begins_now_and_one_that_was_off_skips(told: Told) -> None:
    incident = opened(told)
    told.hook()
    told.tell()
    assert told.received == []
    set_hook_enabled("desk", False, BY, told.now)
    acknowledge(incident.pk, BO, told.now)
    told.tell()
    set_hook_enabled("desk", True, BY, told.now)
    resolve(incident.pk, BO, told.now)
    told.tell()
    assert told.events_told == ["incident.resolved"]


def test_only_the_events_the_services_and_the_teams_that_were_chosen_are_told(told: Told) -> None:
    told.hook("some", events=("incident.resolved",), teams=("web",))
    other = told.world.shop
    other.pk, other.name, other.team = "mail", "Mail", None
    other.save(force_insert=True)
    told.hook("none", services=("mail",))
    resolve(opened(told).pk, BO, told.now)
    told.tell()
    assert [(each["webhook"], each["event"]) for each in told.documents] == [("some", "incident.resolved")]


def test_every_request_is_signed_and_after_a_rotation_with_both_secrets_for_a_day(told: Told) -> None:
    row = told.hook()
    (first,) = secrets_of(row, told.now)
    assert not {first} & {row.nonce}
    row = rotate("desk", BY, told.now)
    second, old = secrets_of(row, told.now)
    assert old == first != second
    with pytest.raises(Refused, match="still signs"):
        rotate("desk", BY, told.now)
    send_test("desk", BY, told.now)
    told.tell()
    (request,) = told.received
    header = request.headers["tocsin-signature"]
    assert header == signing.signatures([second, first], request.body, told.now)
    assert header.count("v1=") == 2
    assert signing.signature(first, request.body, told.now).partition(",")[2] in header
    told.clock.forward(hours=24)
    assert secrets_of(find_hook("desk"), told.now) == [second]
    rotate("desk", BY, told.now)
    row = end_old("desk", BY, told.now)
    assert len(secrets_of(row, told.now)) == 1
    delete_hook("desk", BY, told.now)
    assert secrets_of(told.hook(), told.now)[0] not in (
        first,
        second,
    )  # a new one of that name has new secrets


def test_what_fails_is_tried_again_under_the_same_id_and_holds_up_only_its_own_incident(told: Told) -> None:
    told.hook(path="/status?code=500", events=("incident.opened", "incident.resolved"))
    resolve(opened(told).pk, BO, told.now)
    assert told.tell() == 1  # then its receiver rests, and the second waits for the first
    told.clock.forward(seconds=6)
    assert told.tell() == 1
    assert told.received[0].headers["tocsin-delivery"] == told.received[1].headers["tocsin-delivery"]
    assert told.received[0].body == told.received[1].body
    message = log_of(find_hook("desk"))[-1]
    assert [each["outcome"] for each in message.tries] == ["HTTP 500", "HTTP 500"]
    for _ in range(40):
        told.clock.forward(hours=1)
        told.tell()
    assert [each.state for each in log_of(find_hook("desk"))] == [MessageState.FAILED, MessageState.FAILED]
    assert len(told.received) == 2 * ATTEMPTS_MAX


def test_a_refusal_for_good_is_given_up_at_once_and_can_be_sent_again(told: Told) -> None:
    told.hook(path="/status?code=404", events=("incident.opened", "incident.resolved"))
    resolve(opened(told).pk, BO, told.now)
    assert told.tell() == 2
    message = log_of(find_hook("desk"))[-1]
    assert message.state == MessageState.FAILED
    Hook.objects.update(address=told.faults.url("/ok"))
    send_again("desk", message.uid, BY, told.now)
    with pytest.raises(Refused, match="already"):
        send_again("desk", message.uid, BY, told.now)
    told.tell()
    assert told.documents[-1]["id"] == str(message.uid)
    assert log_of(find_hook("desk"))[-1].state == MessageState.SENT


def test_after_days_of_nothing_but_failures_it_is_switched_off_and_the_administrators_are_told(
    told: Told,
) -> None:
    told.hook(path="/status?code=500")
    told.hook("well")
    for day in range(OFF_AFTER.days + 1):
        opened(told, f"day {day}")
        for _ in range(24):
            told.tell()
            told.clock.forward(hours=1)
    off = find_hook("desk")
    assert not off.enabled and off.off_why.startswith("HTTP 500")
    assert find_hook("well").enabled
    (notice,) = Page.objects.filter(subject__contains="was switched off")
    assert notice.user_id == "ada" and "HTTP 500" in notice.lines[0]
    assert not off.messages.filter(next_at__isnull=False).exists()
    assert Entry.objects.filter(kind="webhook.switched_off").count() == 1


def test_days_in_which_the_program_was_away_do_not_switch_a_webhook_off(told: Told) -> None:
    told.hook(path="/status?code=500")
    opened(told)
    told.tell()
    told.clock.forward(days=2 * OFF_AFTER.days)
    told.tell()
    assert find_hook("desk").enabled and find_hook("desk").failures == 2


def test_after_a_restore_nothing_old_is_told_and_what_comes_is(told: Told) -> None:
    told.hook(
        path="/status?code=500", events=("incident.opened", "incident.acknowledged", "incident.resolved")
    )
    incident = opened(told)
    told.tell()  # one waits after a failure,
    acknowledge(incident.pk, BO, told.now)  # and one has not been read
    assert waiting_events(told.now) == 2
    assert hold_events(told.now) == 2
    told.faults.received.clear()
    told.clock.forward(hours=1)
    assert told.tell() == 0
    assert {each.state for each in log_of(find_hook("desk"))} == {MessageState.HELD}
    Hook.objects.update(address=told.faults.url("/ok"))
    resolve(incident.pk, BO, told.now)
    told.tell()
    assert told.events_told == ["incident.resolved"]
    send_again("desk", log_of(find_hook("desk"))[-1].uid, BY, told.now)
    told.tell()
    assert told.events_told == ["incident.resolved", "incident.opened"]


def test_too_many_that_wait_are_counted_and_not_told(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "WAITING_MAX", 2)
    told.hook()
    incident = opened(told)
    acknowledge(incident.pk, BO, told.now)
    told.tell()
    assert len(told.received) == 2
    assert find_hook("desk").skipped == 1


def test_a_second_node_leaves_a_queue_that_is_being_worked_through(told: Told) -> None:
    told.hook()
    send_test("desk", BY, told.now)
    other = type(told.hooks)(told.hooks._webhook, "other", lambda: told.now, lambda: 0.5)
    sent = []
    post = told.hooks._webhook.post

    def meanwhile(*given: object, **more: object) -> object:
        sent.append(other.work_through("desk"))
        return post(*given, **more)  # type: ignore[arg-type]

    told.hooks._webhook.post = meanwhile  # type: ignore[method-assign, assignment]
    assert told.tell() == 1
    assert sent == [0]


def test_a_fact_whose_number_is_missing_holds_up_what_comes_after_until_it_must_be_gone(told: Told) -> None:
    now, before = told.now, told.now - timedelta(seconds=30)
    assert settled(4, [(5, now), (6, now)], now) == 2
    assert settled(4, [(5, now), (7, now), (8, now)], now) == 1
    assert settled(4, [(6, before), (7, now)], now) == 2


def test_what_is_done_with_is_forgotten_after_some_weeks(told: Told) -> None:
    told.hook()
    send_test("desk", BY, told.now)
    assert forget_old(told.clock.forward(days=KEPT_FOR.days + 1)) == 0  # it waits
    told.tell()
    assert forget_old(told.now) == 1


def test_the_log_of_one_webhook_keeps_the_latest_and_no_more(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "KEPT_MAX", 2)
    for key in ("busy", "calm"):
        told.hook(key)
    for _ in range(5):
        send_test("busy", BY, told.now)
    send_test("calm", BY, told.now)
    told.tell()
    latest = [each.uid for each in log_of(find_hook("busy"))][:2]
    assert forget_old(told.now, limit=2) == 2
    assert forget_old(told.now) == 1
    assert [each.uid for each in log_of(find_hook("busy"))] == latest
    assert len(log_of(find_hook("calm"))) == 1


def test_a_backlog_whose_first_ones_wait_is_worked_through_and_not_looked_at_in_vain(told: Told) -> None:
    told.hook(path="/status?code=500&after=3600", events=("incident.opened", "incident.resolved"))
    resolve(opened(told).pk, BO, told.now)
    told.tell()
    Hook.objects.update(rest_until=None)
    assert due_hooks(told.now) == []  # the second waits for the first
    told.clock.forward(hours=1)
    assert due_hooks(told.now) == ["desk"]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"events": ()}, "No event is chosen"),
        ({"events": ("incident.exploded",)}, "There is no event"),
        ({"services": ("nowhere",)}, "There is no service"),
        ({"teams": ("nobody",)}, "There is no team"),
    ],
)
def test_what_makes_no_sense_is_refused(told: Told, more: dict[str, tuple[str, ...]], why: str) -> None:
    with pytest.raises(Refused, match=why):
        told.hook(**more)


def test_addresses_that_may_not_be_called_are_refused(told: Told) -> None:
    row = told.hook()
    for address in ("mailto:ada@example.com", "http://169.254.169.254/latest", "https://10.0.0.1/"):
        with pytest.raises(Refused):
            save_hook("desk", HookValue("Desk", address, tuple(EVENTS)), BY, told.now)
    assert find_hook("desk").address == row.address


def test_one_whose_filter_or_address_is_no_longer_good_can_still_be_switched_off(told: Told) -> None:
    told.hook(services=("shop",))
    Hook.objects.update(services=["gone"], address="https://10.0.0.1/")
    assert not set_hook_enabled("desk", False, BY, told.now).enabled
    with pytest.raises(Refused, match="may not be called"):
        set_hook_enabled("desk", True, BY, told.now)


def test_the_journal_keeps_that_a_webhook_was_changed_and_neither_address_nor_secret(told: Told) -> None:
    row = told.hook()
    rotate("desk", BY, told.now)
    written = str(list(Entry.objects.filter(kind__startswith="webhook.").values_list("data", flat=True)))
    assert "webhook" in written and row.nonce not in written and row.address not in written
