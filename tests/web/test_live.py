"""The live stream: hints for those who may see, bounded, ended when it should end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from tests.patience import PATIENCE
from tests.world import Clock, World
from tocsin.incident.actions import open_incident
from tocsin.journal import waking
from tocsin.kernel.acting import by_user
from tocsin.people.models import User
from tocsin.web import live
from tocsin.web.headers import SECURITY_HEADERS
from tocsin.web.live import RELOAD, WAITING_MAX, Live, Reader, topics_of

pytestmark = pytest.mark.django_db(transaction=True)


class Stream:
    """One open connection, as the server sees it."""

    def __init__(self, app: Live, cookie: str, query: str = "topic=now", **headers: str) -> None:
        raw = [(b"cookie", f"{settings.SESSION_COOKIE_NAME}={cookie}".encode())]
        raw += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        self.scope = {"type": "http", "method": "GET", "headers": raw, "query_string": query.encode()}
        self.sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.left = asyncio.Event()
        self.task = asyncio.ensure_future(app(self.scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        await self.sent.put(dict(message))

    async def started(self) -> dict[str, Any]:
        return await asyncio.wait_for(self.sent.get(), PATIENCE)

    async def until(self, words: str) -> str:
        """What was said up to the first part that holds `words`."""
        said = ""
        while words not in said:
            message = await asyncio.wait_for(self.sent.get(), PATIENCE)
            said += message.get("body", b"").decode()
        return said

    async def ended(self) -> None:
        await asyncio.wait_for(self.task, PATIENCE)


def told(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(story())


@pytest.fixture
def cookie(world: World) -> str:
    """Bo's session."""
    client = Client()
    client.force_login(world.bo)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


@pytest.fixture
def app(clock: Clock) -> Live:
    return Live(lambda: clock.now, asyncio.Event())


def test_a_page_hears_what_it_asked_for_and_nothing_else(app: Live, cookie: str) -> None:
    async def story() -> None:
        stream = Stream(app, cookie, "topic=now&topic=incident:412")
        start = await stream.started()
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        assert (start["status"], headers["content-type"]) == (200, "text/event-stream")
        assert all(headers[name.lower()] == value for name, value in SECURITY_HEADERS.items())
        await stream.until("retry: 3000")
        for topic in ("duties", "incident:413", "console", "incident:412"):
            waking.deliver(topic)
        said = await stream.until("incident:412")
        assert said == "event: hint\ndata: incident:412\n\n"
        stream.left.set()
        await stream.ended()
        assert not app.hub.readers

    told(story)


def test_hints_never_carry_data(app: Live, cookie: str) -> None:
    assert topics_of("topic=now&topic=<script>&topic=incident:1%0adata:x&other=now") == {"now"}
    assert len(topics_of("&".join(f"topic=incident:{n}" for n in range(90)))) == live.TOPICS_MAX


@pytest.mark.parametrize("wrong", ["", "nonsense", "a" * 5_000])
def test_without_a_session_there_is_no_stream(app: Live, world: World, wrong: str) -> None:
    async def story() -> None:
        stream = Stream(app, wrong)
        assert (await stream.started())["status"] == 401
        await stream.ended()

    told(story)


def test_another_website_gets_no_stream(app: Live, cookie: str) -> None:
    async def story() -> None:
        assert (await Stream(app, cookie, sec_fetch_site="cross-site").started())["status"] == 403

    told(story)


def test_a_stream_ends_soon_after_its_person_was_switched_off(
    app: Live, cookie: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "CHECK_EVERY", 0.0)
    monkeypatch.setattr(live, "HEARTBEAT", 0.05)

    def switch_off() -> None:
        User.objects.filter(pk="bo").update(is_active=False)
        connection.close()  # this thread's own

    async def story() -> None:
        stream = Stream(app, cookie)
        await stream.until("retry")
        await asyncio.to_thread(switch_off)
        assert "event: end" in await stream.until("signed out")
        await stream.ended()

    told(story)


def test_a_quiet_stream_is_kept_alive_by_comments(
    app: Live, cookie: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "HEARTBEAT", 0.05)

    async def story() -> None:
        stream = Stream(app, cookie)
        await stream.until("retry")
        await stream.until(":\n\n")
        stream.left.set()
        await stream.ended()

    told(story)


def test_every_stream_ends_when_the_program_does(clock: Clock, cookie: str) -> None:
    async def story() -> None:
        ending = asyncio.Event()
        app = Live(lambda: clock.now, ending)
        streams = [Stream(app, cookie) for _ in range(5)]
        for stream in streams:
            await stream.until("retry")
        ending.set()
        for stream in streams:
            await stream.ended()
        assert not app.hub.readers

    told(story)


def test_a_cancelled_stream_leaves_nothing_behind(app: Live, cookie: str) -> None:
    async def story() -> None:
        stream = Stream(app, cookie)
        await stream.until("retry")
        stream.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stream.task
        assert not app.hub.readers

    told(story)


def test_too_many_streams_are_refused_in_words(
    app: Live, cookie: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "CLIENTS_MAX", 1)

    async def story() -> None:
        first = Stream(app, cookie)
        await first.until("retry")
        assert (await Stream(app, cookie).started())["status"] == 503
        first.left.set()
        await first.ended()

    told(story)


def test_a_slow_reader_is_told_to_look_at_everything_instead_of_growing() -> None:
    topics = frozenset(f"incident:{number}" for number in range(WAITING_MAX + 10))
    reader = Reader(topics)
    for topic in sorted(topics):
        reader.hear(topic)
    assert reader.take() == (RELOAD,)
    reader.hear("incident:1")
    reader.hear("incident:1")
    assert reader.take() == ("incident:1",)


def test_a_storm_from_many_threads_arrives_as_one_hint(app: Live, cookie: str) -> None:
    async def story() -> None:
        stream = Stream(app, cookie)
        await stream.until("retry")

        def storm() -> None:
            for _ in range(1_000):
                waking.deliver("now")

        begun = time.monotonic()
        await asyncio.gather(*(asyncio.to_thread(storm) for _ in range(4)))
        await stream.until("data: now")
        stream.left.set()
        await stream.ended()
        # One at once, then one a pace; the heartbeat and the end come beside them.
        assert stream.sent.qsize() <= 5 + (time.monotonic() - begun) / live.PACE

    told(story)


def test_a_page_hears_nothing_of_what_is_restricted_and_hidden_from_its_reader(
    app: Live, clock: Clock, world: World
) -> None:
    number = open_incident("shop", "Secret", restricted=True, by=by_user("bo", "web"), now=clock.now).pk
    heard: dict[str, frozenset[str]] = {}
    for user in (world.bo, world.cy):
        client = Client()
        client.force_login(user)
        session = client.cookies[settings.SESSION_COOKIE_NAME].value
        heard[user.pk] = app._look(session, frozenset({"now", f"incident:{number}"})) or frozenset()
    assert heard == {"bo": {"now", f"incident:{number}"}, "cy": {"now"}}
