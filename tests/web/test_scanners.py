"""Links of messages among machines that open whatever they find, and people who guess (TRUST D18, D19)."""

from __future__ import annotations

import base64
import itertools
import random
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client, RequestFactory

from tests.counted import times
from tests.stories.road import Road
from tests.world import Outbox
from tocsin.incident.describing import assign
from tocsin.incident.models import Incident
from tocsin.journal.models import Entry
from tocsin.kernel.acting import by_user
from tocsin.notification.links import act_token, find_act_link
from tocsin.notification.models import ActUse, Delivery, Page
from tocsin.notification.rules import ActVerb
from tocsin.web import act

LOOKS = 10_000
LOOKS_THROUGH_EVERYTHING = 300
GUESSES = times(100_000, 1_000_000)
MACHINES = (
    "Mozilla/5.0 (compatible; Google-Safety; +http://www.google.com/bot.html)",
    "Microsoft Office/16.0 (Microsoft Outlook 16.0; Pro)",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "WhatsApp/2.23.20.0", "TelegramBot (like TwitterBot)", "facebookexternalhit/1.1", "Barracuda Sentinel (EE)",
    "curl/8.0", "python-requests/2.31", "",
)  # fmt: skip
HEADERS: tuple[dict[str, str], ...] = (
    {}, {"Sec-Purpose": "prefetch"}, {"Purpose": "prefetch"}, {"X-Moz": "prefetch"}, {"Sec-Fetch-Mode": "navigate"},
    {"X-HTTP-Method-Override": "POST"}, {"Accept": "application/json"},
)  # fmt: skip
METHODS = ("GET", "HEAD", "GET", "OPTIONS")


@pytest.fixture
def links(road: Road, outbox: Outbox) -> dict[ActVerb, str]:
    """The links in Bo's message about the one open incident, by what they do."""
    road.event("one", title="Checkout fails")
    road.look()
    return {each.verb: each.url.removeprefix("http://127.0.0.1:8000") for each in outbox.to("bo")[0].acts}


@pytest.fixture
def only_reading() -> Iterator[None]:
    """Whatever is asked of the database meanwhile, nothing of it may write."""

    def check(execute: Callable[..., Any], sql: str, params: object, many: bool, context: object) -> Any:
        assert sql.lstrip().upper().startswith(("SELECT", "SAVEPOINT", "RELEASE")), sql
        return execute(sql, params, many, context)

    with connection.execute_wrapper(check):
        yield


def untouched() -> bool:
    """Whether nothing that a link can do was done."""
    return (
        Incident.objects.get().state == "triggered"
        and Delivery.objects.get().state == "sent"
        and not ActUse.objects.exists()
        and not Entry.objects.filter(through="link").exists()
    )


def test_d18_ten_thousand_looks_of_machines_do_nothing(
    links: dict[ActVerb, str], road: Road, only_reading: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading the link and drawing the page are most of the work: each link is read once here, and nothing is drawn.
    The test below spares itself nothing."""
    monkeypatch.setattr(act, "find_act_link", cache(find_act_link))
    monkeypatch.setattr(act, "show", lambda *_: HttpResponse())
    ways = itertools.cycle(itertools.product(links.values(), METHODS, MACHINES, HEADERS))
    asked = RequestFactory()
    for link, method, machine, headers in itertools.islice(ways, LOOKS):
        request = asked.generic(
            method, f"{link}?confirm=1&action=acknowledge", headers={"User-Agent": machine, **headers}
        )
        request.now = road.now  # type: ignore[attr-defined]
        request.user = None  # type: ignore[assignment]
        answer = act.page(request, token=link.removeprefix("/a/"))
        assert answer.status_code in (200, 405)
    assert untouched()


def test_d18_looks_that_come_the_whole_way_do_nothing(links: dict[ActVerb, str], only_reading: None) -> None:
    ways = itertools.cycle(itertools.product(links.values(), METHODS, MACHINES, HEADERS))
    client = Client()
    for link, method, machine, headers in itertools.islice(ways, LOOKS_THROUGH_EVERYTHING):
        answer = client.generic(method, link, headers={"User-Agent": machine, **headers})
        assert answer.status_code in (200, 405)
        assert b'http-equiv="refresh"' not in answer.content
    assert untouched()


@pytest.mark.counted
def test_d19_guesses_open_nothing(links: dict[ActVerb, str]) -> None:
    """What is guessed is a MAC of 128 bits over the page's id, which is random itself."""
    page = Page.objects.get()
    token = act_token(page.pk, ActVerb.ACKNOWLEDGE)
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    assert len(raw) == 16 + 1 + 16
    chance = random.Random(19)
    body, right = raw[:17], raw[17:]
    for _ in range(GUESSES):
        guess = chance.randbytes(16)
        if guess != right:
            assert find_act_link(base64.urlsafe_b64encode(body + guess).decode()) is None


def test_d19_a_link_holds_for_its_person_its_incident_and_its_verb(
    links: dict[ActVerb, str], road: Road, outbox: Outbox
) -> None:
    road.event("two", title="Search fails")
    road.look()
    for page in Page.objects.all():
        for verb in links:
            token = act_token(page.pk, verb)
            found = find_act_link(token)
            assert found is not None
            assert (found.page.pk, found.verb, found.incident_id) == (page.pk, verb, page.incident_id)
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
            for other in Page.objects.exclude(pk=page.pk):  # the MAC of one, under the id of another
                forged = other.pk.bytes + raw[16:]
                assert find_act_link(base64.urlsafe_b64encode(forged).decode()) is None
            for number in range(256):
                if number != raw[16]:
                    forged = raw[:16] + bytes([number]) + raw[17:]
                    assert find_act_link(base64.urlsafe_b64encode(forged).decode()) is None
    assert find_act_link(act_token(UUID(int=0), ActVerb.ACKNOWLEDGE)) is None  # a page that is not there


def test_d19_after_a_hand_over_the_old_link_takes_nothing_back(links: dict[ActVerb, str], road: Road) -> None:
    Client().post(links[ActVerb.ACKNOWLEDGE])
    assert Incident.objects.get().acknowledged_by == "user:bo"
    assign(Incident.objects.get().pk, "cy", by_user("mo", "web"), road.now)
    before = Incident.objects.get()
    assert before.assigned_id == "cy"
    answer = Client().post(links[ActVerb.ACKNOWLEDGE], follow=True)
    after = Incident.objects.get()
    assert (after.assigned_id, after.state, after.acknowledged_by) == (
        "cy",
        before.state,
        before.acknowledged_by,
    )
    assert b"You act as" not in answer.content


def test_d19_no_table_holds_what_would_open_a_link(links: dict[ActVerb, str]) -> None:
    tokens = [link.removeprefix("/a/") for link in links.values()]
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT * FROM "{table}"')
            for row in cursor.fetchall():
                text = " ".join(str(value) for value in row)
                assert not any(token in text for token in tokens), table
