"""Webhooks in the organisation's file: what is said, what is kept, and the secret that is never there."""

from __future__ import annotations

import pytest

from tests.channels.conftest import outgoing as outgoing  # noqa: PLC0414 - a fixture
from tests.organisation.files import BY, applied, mistakes
from tests.world import Clock, Outbox, World
from tocsin.catalog.models import Integration
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.webhook import Webhook
from tocsin.hooks.actions import find_hook, rotate
from tocsin.hooks.models import Hook, Message, Position
from tocsin.hooks.rules import MessageState
from tocsin.hooks.saving import HOOKS_MAX
from tocsin.journal.models import Entry
from tocsin.kernel.errors import Refused
from tocsin.notification import channels
from tocsin.organisation.exporting import export
from tocsin.organisation.plan import plan
from tocsin.organisation.reading import File, FilesRefused

TWO = """
webhooks:
  - id: desk
    name: Service desk
    address: "https://desk.example.com/canary-7d1e"
    events: [incident.resolved, incident.opened]
    services: [shop]
    teams: [web]
  - {id: lake, address: "https://lake.example.com", events: [climb.paged], enabled: false}
"""

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("world")]


@pytest.fixture(autouse=True)
def _served(outbox: Outbox, outgoing: Outgoing, monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses of webhooks are known; nothing is called."""
    channel = Webhook(outgoing)
    monkeypatch.setattr(channels, "_by_scheme", channels._by_scheme | dict.fromkeys(channel.schemes, channel))


def test_a_file_makes_them_and_the_same_file_again_changes_nothing(clock: Clock) -> None:
    assert applied(TWO, clock) == [
        "add webhook desk (Service desk)",
        "add webhook lake",
        "2 to add, 0 to change, 0 to remove.",
    ]
    desk, lake = Hook.objects.order_by("pk")
    assert (desk.events, desk.services, desk.teams) == (
        ["incident.opened", "incident.resolved"],
        ["shop"],
        ["web"],
    )
    assert desk.enabled and not lake.enabled
    assert desk.nonce != lake.nonce
    assert Position.objects.get().entry == desk.after  # told of what happens from now on
    assert applied(TWO, clock) == ["Nothing changes."]


def test_the_order_of_events_and_of_filters_means_nothing(clock: Clock) -> None:
    applied(TWO, clock)
    turned = TWO.replace("[incident.resolved, incident.opened]", "[incident.opened, incident.resolved]")
    assert plan([File("org.yaml", turned)]).empty


def test_a_plan_says_what_changes_and_never_the_address(clock: Clock) -> None:
    applied(TWO, clock)
    changed = TWO.replace("canary-7d1e", "canary-7d1e-new").replace("teams: [web]", "teams: []")
    assert applied(changed, clock)[0] == "change webhook desk: address changed, teams web → none"
    assert "canary-7d1e" not in "".join(str(entry.data) for entry in Entry.objects.all())


def test_the_secret_stays_when_a_file_changes_all_else_and_stands_in_no_export(clock: Clock) -> None:
    Integration.objects.all().delete()  # nothing in this world can show its key
    applied(TWO, clock)
    row = rotate("desk", BY, clock.now)
    applied(TWO.replace("Service desk", "Desk"), clock)
    again = find_hook("desk")
    assert (again.nonce, again.old_nonce) == (row.nonce, row.old_nonce)
    for text in (export(), export(keys=True)):
        assert row.nonce not in text and row.old_nonce not in text
        assert plan([File("again.yaml", text)], prune=True).in_words() == ["Nothing changes."]


def test_one_that_a_file_switches_off_gives_up_what_waits(clock: Clock) -> None:
    applied(TWO, clock)
    row = find_hook("desk")
    Message.objects.create(
        hook=row, event="incident.opened", chain="x", body="{}", made_at=clock.now, next_at=clock.now
    )
    off = TWO.replace("    teams: [web]\n", "    teams: [web]\n    enabled: false\n")
    assert applied(off, clock)[0] == "change webhook desk: enabled yes → no"
    assert Message.objects.get().state == MessageState.DROPPED


def test_what_no_file_names_is_left_alone_and_prune_removes_it(clock: Clock) -> None:
    applied(TWO, clock)
    assert plan([File("org.yaml", "teams: [{id: web, members: [bo], lead: bo}]")], prune=True).removed == ()
    assert applied("webhooks: []\n", clock, prune=True)[:2] == ["remove webhook desk", "remove webhook lake"]
    assert not Hook.objects.exists()


def test_a_service_that_a_webhook_names_is_not_pruned_from_under_it(clock: Clock, world: World) -> None:
    applied("services: [{id: mail, name: Mail}]\n", clock)
    applied(TWO.replace("services: [shop]", "services: [mail]"), clock)
    shop = "services: [{id: shop, name: Web shop}]\n"
    with pytest.raises(FilesRefused, match="Service mail would be removed, and webhook desk names it"):
        plan([File("org.yaml", shop)], prune=True)
    words = plan([File("org.yaml", shop + "webhooks: []\n")], prune=True).in_words()
    assert words.index("remove webhook desk") < words.index("remove service mail")


def test_too_many_are_refused_and_none_is_made(clock: Clock) -> None:
    one = '  - {{id: h{0}, address: "https://example.com", events: [incident.opened]}}\n'
    text = "webhooks:\n" + "".join(one.format(number) for number in range(HOOKS_MAX + 1))
    with pytest.raises(Refused, match="There are 50 webhooks") as refused:
        applied(text, clock)
    assert refused.value.where == f"org.yaml:{HOOKS_MAX + 2}"
    assert not Hook.objects.exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            'webhooks:\n - id: a\n   address: "mailto:ada@example.com"\n   events: [incident.opened]\n',
            "org.yaml:3: That is no address of a webhook. Expected an address that begins with https://.",
        ),
        (
            'webhooks:\n - id: a\n   address: "http://169.254.169.254/x"\n   events: [incident.opened]\n',
            "org.yaml:3: 169.254.169.254 may not be called",
        ),
        (
            'webhooks:\n - id: a\n   address: "https://example.com"\n   events:\n    - incident.opend\n',
            "org.yaml:5: There is no event 'incident.opend'. Expected one of incident.opened, ",
        ),
        (
            'webhooks:\n - id: a\n   address: "https://example.com"\n   events: []\n',
            "org.yaml:4: The list has 0 items. Expected at least 1",
        ),
        (
            'webhooks:\n - id: a\n   address: "https://example.com"\n   secret: x\n   events: [incident.opened]\n',
            "org.yaml:4: Unknown key 'secret' in a webhook.",
        ),
        (
            'webhooks:\n - id: a\n   address: "https://example.com"\n   events: [incident.opened]\n'
            "   services:\n    - shop\n    - shp\n",
            "org.yaml:7: No service 'shp'. Expected one of shop. Did you mean 'shop'?",
        ),
        (
            'webhooks:\n - id: a\n   address: "https://example.com"\n   events: [incident.opened]\n   teams: [wbe]\n',
            "org.yaml:5: No team 'wbe'. Expected one of web. Did you mean 'web'?",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, said: str) -> None:
    (problem,) = mistakes(text)
    assert problem.startswith(said), problem
