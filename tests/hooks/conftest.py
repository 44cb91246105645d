"""The world, a receiver that misbehaves as its path says, and webhooks that point at it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from django.db import transaction

from tests.channels.conftest import faults as faults  # noqa: PLC0414 - offered here too
from tests.channels.conftest import outgoing as outgoing  # noqa: PLC0414 - offered here too
from tests.channels.conftest import signing_key as signing_key  # noqa: PLC0414 - offered here too
from tests.channels.faults import FaultServer, Request
from tests.stories.road import Road
from tests.web.conftest import (
    _pages_on_the_storys_clock as _pages_on_the_storys_clock,  # noqa: PLC0414 - offered here too
)
from tests.web.conftest import signed_in as signed_in  # noqa: PLC0414 - offered here too
from tests.world import Clock, Outbox, World
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.webhook import Webhook
from tocsin.engine.hooks import Hooks
from tocsin.hooks.actions import save_hook
from tocsin.hooks.collecting import collect
from tocsin.hooks.models import Hook
from tocsin.hooks.rules import EVENTS
from tocsin.hooks.saving import HookValue
from tocsin.hooks.sending import due_hooks
from tocsin.journal.actions import ORGANISATION, Fact, write
from tocsin.kernel.acting import By
from tocsin.notification import channels

BY = By("user:ada", "web")


class Told(Road):
    """The road, with webhooks behind it."""

    def __init__(self, world: World, clock: Clock, faults: FaultServer, webhook: Webhook) -> None:
        super().__init__(world, clock)
        self.faults = faults
        self.hooks = Hooks(webhook, "story", lambda: clock.now, lambda: 0.5)

    def hook(self, key: str = "desk", path: str = "/ok", **more: Any) -> Hook:
        value = HookValue("Desk", self.faults.url(path), **{"events": tuple(EVENTS), **more})
        return save_hook(key, value, BY, self.now)

    def tell(self) -> int:
        """All that is due for webhooks now; returns how many attempts were made."""
        while collect(self.now):
            pass
        return sum(self.hooks.work_through(hook) for hook in due_hooks(self.now))

    @property
    def received(self) -> Sequence[Request]:
        return self.faults.received

    @property
    def documents(self) -> list[dict[str, Any]]:
        return [json.loads(each.body) for each in self.received]

    @property
    def events_told(self) -> list[str]:
        return [each["event"] for each in self.documents]


@pytest.fixture
def told(
    world: World,
    clock: Clock,
    outbox: Outbox,
    faults: FaultServer,
    outgoing: Outgoing,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Told]:
    webhook = Webhook(outgoing)
    monkeypatch.setattr(channels, "_by_scheme", channels._by_scheme | dict.fromkeys(webhook.schemes, webhook))
    # PostgreSQL's numbers go on from those of tests before, whose facts were rolled back: begin behind that gap.
    with transaction.atomic():
        write([Fact(ORGANISATION, "story.began", {})], BY, clock.now)
    yield Told(world, clock, faults, webhook)
