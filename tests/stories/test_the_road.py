"""The main job, from the event to the resolved incident."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.catalog import actions as configuration
from tocsin.escalation.actions import climb_due, escalate_now, next_steps
from tocsin.escalation.models import Climb, Policy
from tocsin.escalation.rules import Handover
from tocsin.incident import actions as incidents
from tocsin.incident import describing
from tocsin.incident.by_time import expire_acknowledgements
from tocsin.incident.models import Incident
from tocsin.incident.rules import State
from tocsin.intake.models import Alert, Inbox
from tocsin.journal import actions as journal
from tocsin.kernel.acting import by_user
from tocsin.notification.links import find_act_link, use_act_link
from tocsin.notification.models import Delivery, Page
from tocsin.people.models import Contact, User

BO, CY = by_user("bo", "link"), by_user("cy", "web")


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox) -> Road:
    return Road(world, clock)


def _configure(world: World, **options: object) -> None:
    for name, value in options.items():
        setattr(world.shop, name, value)
    world.shop.save()
    configuration.refresh()


def test_an_alert_pages_climbs_is_acknowledged_and_resolves(road: Road, outbox: Outbox) -> None:
    road.event("db")
    road.look()
    incident = road.incident()
    assert (incident.state, incident.priority, outbox.people) == (State.TRIGGERED, "P1", ["bo"])
    assert not Inbox.objects.exists()

    (ahead, *_) = next_steps(incident, road.now)
    assert (ahead.number, ahead.people) == (2, ("cy", "bo"))
    assert (ahead.at - road.now).total_seconds() == 300

    road.live(minutes=5)
    assert outbox.people[0] == "bo" and sorted(outbox.people[1:]) == ["bo", "cy"]
    message = outbox.to("cy")[0]
    assert message.subject == f"[P1] Checkout fails · Web shop #{incident.pk}"
    assert "Also paged: Bo Lind." in message.lines

    token = message.acts[0].url.rpartition("/")[2]
    link = find_act_link(token)
    assert link is not None
    assert (link.user.id, link.incident_id, link.verb) == ("cy", incident.pk, "acknowledge")
    assert use_act_link(link, road.now)
    assert not use_act_link(link, road.now)
    outcome = incidents.acknowledge(incident.pk, by_user("cy", "link"), road.now)
    assert outcome.changed
    assert outcome.incident.assigned_id == "cy"

    road.live(minutes=25)
    assert outbox.people[0] == "bo" and sorted(outbox.people[1:]) == ["bo", "cy"]

    road.event("db", "resolve")
    road.look()
    incident.refresh_from_db()
    assert incident.state == State.RESOLVED
    assert road.told(incident) == [
        "incident.opened", "climb.paged", "page.sent", "climb.paged", "page.sent", "page.sent",
        "incident.acknowledged", "alert.resolved", "incident.resolved", "page.sent", "page.sent",
    ]  # fmt: skip
    journal.seal(b"key", road.now)
    assert journal.verify(b"key") == []


def test_nobody_answers_every_round_and_then_the_fallback_is_told_loudly(road: Road, outbox: Outbox) -> None:
    road.event("db")
    road.live(minutes=40)
    first, second, again, higher, last = (
        outbox.people[a:b] for a, b in ((0, 1), (1, 3), (3, 4), (4, 6), (6, 9))
    )
    assert (first, sorted(second), again, sorted(higher), last) == (
        ["bo"], ["bo", "cy"], ["bo"], ["bo", "cy"], ["ada"],
    )  # fmt: skip
    assert Climb.objects.get().ended == "exhausted"
    assert "climb.exhausted" in road.told(road.incident())


def test_an_acknowledgement_that_expires_climbs_again_and_asks_who_had_it(road: Road, outbox: Outbox) -> None:
    road.event("db")
    road.look()
    incidents.acknowledge(road.incident().pk, CY, road.now)
    outbox.sent.clear()
    road.live(minutes=29)
    assert outbox.people == []
    road.live(minutes=1)
    assert outbox.people == ["bo", "cy"]
    assert road.incident().state == State.TRIGGERED


def test_an_acknowledgement_that_expires_as_the_next_level_would_be_due_begins_anew(
    road: Road, outbox: Outbox
) -> None:
    road.event("db")
    road.look()
    due = Climb.objects.get().due_at
    assert due is not None
    road.world.shop.ack_timeout = due - road.now
    road.world.shop.save()
    configuration.refresh()
    incidents.acknowledge(road.incident().pk, by_user("bo", "web"), road.now)
    outbox.sent.clear()
    road.clock.now = due
    # As in the engine: when the acknowledgement expires, the climb has been promised its turn already.
    assert expire_acknowledgements(road.now) == 1
    climb_due(road.now)
    road.look()
    assert outbox.people == ["bo"], "from the first level"


def test_a_level_with_nobody_is_passed_over_at_once_and_said(
    road: Road, outbox: Outbox, world: World
) -> None:
    Policy.objects.filter(pk="web").update(
        levels=[{"notify": ["user:gone"], "timeout": "5m"}, {"notify": ["user:cy"], "timeout": "5m"}]
    )
    road.event("db")
    road.look()
    assert outbox.people == ["cy"]


def test_a_policy_that_reaches_nobody_tells_the_fallback(road: Road, outbox: Outbox) -> None:
    Policy.objects.filter(pk="web").update(levels=[])
    road.event("db")
    road.look()
    assert outbox.people == ["ada"]
    assert "climb.nobody" in road.told(road.incident())


def test_a_running_incident_keeps_the_policy_it_began_with(road: Road, outbox: Outbox) -> None:
    road.event("db")
    road.look()
    Policy.objects.filter(pk="web").update(levels=[{"notify": ["user:mo"], "timeout": "5m"}])
    road.live(minutes=5)
    assert "mo" not in outbox.people
    assert "cy" in outbox.people


def test_after_an_outage_a_backlog_climbs_one_level_per_timeout(road: Road, outbox: Outbox) -> None:
    road.event("db")
    road.look()
    road.sleep(hours=3)
    outbox.sent.clear()
    road.look()
    assert outbox.people == [] and road.told(road.incident())[-1] == "climb.resumed"
    road.live(seconds=20)
    assert sorted(outbox.people) == ["bo", "cy"]
    road.live(minutes=9)
    assert sorted(outbox.people) == ["bo", "cy"]


def test_a_machine_that_stands_still_again_and_again_pages_all_the_same(road: Road, outbox: Outbox) -> None:
    road.event("db")
    road.look()
    outbox.sent.clear()
    for _ in range(2):
        road.sleep(hours=1)
        road.look()
    assert sorted(outbox.people) == ["bo", "cy"]


def test_escalating_by_hand_hands_over_a_note_that_the_next_reads_first(road: Road, outbox: Outbox) -> None:
    road.event("db")
    road.look()
    incident = road.incident()
    incidents.acknowledge(incident.pk, BO, road.now)
    outbox.sent.clear()
    escalate_now(incident.pk, BO, road.now, Handover(tried="restarted the database", help_needed="a DBA"))
    road.look()
    assert sorted(outbox.people) == ["bo", "cy"]
    assert outbox.to("cy")[0].note == "Tried so far: restarted the database\nHelp needed: a DBA"
    assert road.incident().state == State.ACKNOWLEDGED


def test_who_is_passed_an_incident_is_told_by_whom(road: Road, outbox: Outbox) -> None:
    User.objects.filter(pk="cy").update(language="de")
    road.event("db")
    road.look()
    incidents.acknowledge(road.incident().pk, BO, road.now)
    escalate_now(road.incident().pk, BO, road.now)
    road.look()
    assert outbox.to("cy")[0].lines[1] == "Bo Lind hat das an dich weitergegeben."
    assert not any("passed" in line for line in outbox.to("bo")[-1].lines)


def test_what_nobody_takes_that_was_passed_on_is_nobodys_again(road: Road, outbox: Outbox) -> None:
    road.event("db")
    road.look()
    incidents.acknowledge(road.incident().pk, BO, road.now)
    escalate_now(road.incident().pk, BO, road.now)
    road.look()
    outbox.sent.clear()
    road.live(minutes=4, seconds=59)
    assert (road.incident().state, outbox.sent) == (State.ACKNOWLEDGED, [])
    road.live(seconds=1)
    assert (road.incident().state, outbox.people) == (State.TRIGGERED, ["bo"])  # who had it, and level 1
    road.live(minutes=5)
    assert "cy" in outbox.people


def test_what_was_passed_on_and_taken_stays_with_whoever_took_it(road: Road, outbox: Outbox) -> None:
    road.event("db")
    road.look()
    incidents.acknowledge(road.incident().pk, BO, road.now)
    road.sleep(seconds=1)
    escalate_now(road.incident().pk, BO, road.now)
    road.live(seconds=30)
    assert incidents.acknowledge(road.incident().pk, CY, road.now).changed
    outbox.sent.clear()
    road.live(minutes=20)
    assert (road.incident().state, outbox.sent) == (State.ACKNOWLEDGED, [])


def test_a_shorter_acknowledgement_is_not_made_longer_by_passing_it_on(road: Road, outbox: Outbox) -> None:
    road.world.shop.ack_timeout = timedelta(minutes=2)
    road.world.shop.save()
    road.event("db")
    road.look()
    incidents.acknowledge(road.incident().pk, BO, road.now)
    escalate_now(road.incident().pk, BO, road.now)
    road.live(minutes=2)
    assert road.incident().state == State.TRIGGERED


def test_who_was_called_to_what_somebody_has_may_take_it_and_nobody_else(road: Road, outbox: Outbox) -> None:
    road.event("db")
    road.look()
    incident = road.incident()
    incidents.acknowledge(incident.pk, BO, road.now)
    assert not incidents.acknowledge(incident.pk, CY, road.now).changed
    road.sleep(minutes=1)
    escalate_now(incident.pk, BO, road.now)
    road.look()
    assert set(outbox.people[1:]) == {"cy", "bo"}
    assert not incidents.acknowledge(incident.pk, BO, road.now).changed
    road.sleep(minutes=1)
    assert incidents.acknowledge(incident.pk, CY, road.now).changed
    taken = road.incident()
    assert (taken.state, taken.acknowledged_by, taken.assigned_id) == (State.ACKNOWLEDGED, "user:cy", "cy")
    assert not incidents.acknowledge(incident.pk, BO, road.now).changed


def test_when_nobody_of_a_level_can_be_reached_the_next_is_paged_at_once(road: Road, outbox: Outbox) -> None:
    outbox.fail("bo", again=False)
    road.event("db")
    road.look()
    assert sorted(outbox.people) == ["bo", "cy"]
    assert "page.undeliverable" in road.told(road.incident())


def test_a_person_without_a_contact_does_not_hold_up_the_climb(road: Road, outbox: Outbox) -> None:
    Contact.objects.filter(user="bo").delete()
    road.event("db")
    road.look()
    assert outbox.people == ["cy"]


def test_failed_sends_are_retried_with_growing_waits_and_then_given_up(road: Road, outbox: Outbox) -> None:
    outbox.fail("bo", times=3)
    road.event("db")
    road.live(seconds=20)
    assert outbox.people == ["bo"]
    assert Delivery.objects.get().attempts == 4


def test_nothing_is_sent_after_an_acknowledgement_not_even_a_retry(road: Road, outbox: Outbox) -> None:
    outbox.fail("bo", times=2)
    road.event("db")
    road.look()
    incidents.acknowledge(road.incident().pk, CY, road.now)
    road.live(minutes=4)
    assert outbox.people == []
    assert Delivery.objects.get().state == "suppressed"
    assert "acknowledged by user:cy" in Delivery.objects.get().error


def test_repeats_are_counted_and_page_nobody_again(road: Road, outbox: Outbox) -> None:
    for _ in range(50):
        road.event("db")
    road.look()
    assert Alert.objects.get().count == 50
    assert len(Alert.objects.get().samples) == 1
    assert outbox.people == ["bo"]


def test_a_resolve_before_its_trigger_pages_nobody_and_the_late_trigger_does_not_either(
    road: Road, outbox: Outbox
) -> None:
    road.event("db", "resolve", at="2026-03-02T08:59:00+00:00")
    road.look()
    road.event("db", "trigger", at="2026-03-02T08:58:00+00:00")
    road.look()
    assert not Incident.objects.exists()
    assert outbox.people == []


def test_a_resolve_that_overtakes_its_trigger_in_the_queue_is_not_undone_by_it(road: Road) -> None:
    road.events([{"key": "db", "action": "trigger", "title": "x"}], lane=1)
    road.event("db", "resolve")
    road.look()
    assert not Incident.objects.exists()


def test_a_trigger_after_the_resolve_opens_a_new_incident(road: Road, outbox: Outbox) -> None:
    road.event("db")
    road.look()
    road.event("db", "resolve")
    road.look()
    road.event("db")
    road.look()
    assert [i.state for i in Incident.objects.order_by("id")] == ["resolved", "triggered"]
    assert outbox.people == ["bo", "bo", "bo"]  # the second is word that the first was over


def test_what_fires_on_after_somebody_resolved_its_incident_comes_back(road: Road) -> None:
    road.event("db")
    road.look()
    incidents.resolve(road.incident().pk, BO, road.now)
    road.event("db")
    road.look()
    assert Incident.objects.count() == 2
    assert Alert.objects.filter(latest=True).count() == 1


def test_an_acknowledge_from_the_sender_stops_the_climb(road: Road, outbox: Outbox) -> None:
    road.event("db")
    road.look()
    road.event("db", "acknowledge")
    road.look()
    assert road.incident().acknowledged_by == "integration:shop-events"
    road.live(minutes=20)
    assert outbox.people == ["bo"]


def test_why_the_sender_closed_it_stands_in_the_timeline(road: Road) -> None:
    road.event("db")
    road.look()
    road.event("db", "resolve", note="rolled back the deployment")
    road.look()
    incident = road.incident()
    assert "incident.noted" in road.told(incident)


def test_what_heals_before_anybody_looked_pages_nobody(road: Road, outbox: Outbox) -> None:
    road.event("db")
    road.event("db", "resolve")
    road.look()
    assert road.incident().state == State.RESOLVED
    assert outbox.people == []


def test_grouped_alerts_are_one_incident_and_a_worse_one_pages_again(
    road: Road, outbox: Outbox, world: World
) -> None:
    _configure(world, group_by=["region"])
    road.event("a", severity="warning", fields={"region": "eu"})
    road.event("b", severity="warning", fields={"region": "eu"})
    road.event("c", severity="warning", fields={"region": "us"})
    road.look()
    assert Incident.objects.count() == 2
    europe = Incident.objects.order_by("id")[0]
    assert (europe.alerts_total, europe.urgency, europe.priority) == (2, "low", "P3")
    incidents.acknowledge(europe.pk, BO, road.now)
    outbox.sent.clear()
    road.event("d", severity="critical", fields={"region": "eu"})
    road.look()
    europe.refresh_from_db()
    assert (europe.state, europe.urgency, europe.priority) == (State.TRIGGERED, "high", "P1")
    assert "bo" in outbox.people
    assert "incident.worsened" in road.told(europe)


def test_an_incident_resolves_when_its_last_alert_does_after_the_service_s_delay(
    road: Road, world: World
) -> None:
    _configure(world, group_by=[], resolve_delay=timedelta(minutes=2))
    road.event("a")
    road.event("b")
    road.look()
    road.event("a", "resolve")
    road.look()
    assert road.incident().state == State.TRIGGERED
    road.event("b", "resolve")
    road.live(seconds=119)
    assert road.incident().state == State.TRIGGERED
    road.live(seconds=1)
    assert road.incident().state == State.RESOLVED


def test_a_silent_sender_s_alert_ends_by_itself(road: Road) -> None:
    road.event("a")
    road.look()
    Alert.objects.update(ends_at=road.now)
    road.look()
    assert road.incident().state == State.RESOLVED


def test_a_poison_event_still_pages_in_plain_text(road: Road, outbox: Outbox) -> None:
    Inbox.objects.create(
        integration_id="shop-events", source="plain", received_at=road.now, body=b"{broken \xff"
    )
    road.look()
    assert outbox.people == ["bo"]
    assert road.incident().title == "An event came in that Tocsin could not read"


def test_a_batch_that_fails_is_tried_event_by_event_and_the_bad_one_is_kept(
    road: Road, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tocsin.intake import batch

    real = batch.sample

    def poisoned(event: object, at: object) -> object:
        if getattr(event, "key", "") == "poison":
            raise ValueError("poison")
        return real(event, at)  # type: ignore[arg-type]

    monkeypatch.setattr(batch, "sample", poisoned)
    road.event("good")
    road.event("poison")
    road.look()
    assert Inbox.objects.get().quarantined_at is not None
    assert sorted(Incident.objects.values_list("title", flat=True)) == [
        "An event came in that Tocsin could not read",
        "Checkout fails",
    ]
    assert Page.objects.count() == 2


def test_somebody_assigned_by_another_is_paged(road: Road, outbox: Outbox) -> None:
    incident = incidents.open_incident("shop", "Broken", by=BO, now=road.now)
    road.look()
    outbox.sent.clear()
    describing.assign(incident.pk, "cy", BO, road.now)
    road.look()
    assert outbox.people == ["cy"]


def test_reopening_climbs_again_from_the_first_level(road: Road, outbox: Outbox) -> None:
    road.event("db")
    road.look()
    incident = road.incident()
    incidents.resolve(incident.pk, BO, road.now, note="restarted")
    incidents.close(incident.pk, BO, road.now)
    incidents.reopen(incident.pk, BO, road.now)
    outbox.sent.clear()
    road.look()
    assert outbox.people == ["bo"]
