"""What the tests of the pages tell with: browsers signed in as somebody, on the story's clock."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import pytest
from django.http import HttpResponse
from django.test import Client

from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.people.models import User
from tocsin.web import assets

SignedIn = Callable[[str], Client]
WEIGHT_MAX = 60_000  # bytes of a page, compressed, with everything it loads


@pytest.fixture(autouse=True)
def _pages_on_the_storys_clock(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tocsin.site.clock.now", lambda: clock.now)


@pytest.fixture
def signed_in(world: World) -> SignedIn:
    """A browser in which one of the world's people is signed in."""

    def sign_in(name: str) -> Client:
        client = Client()
        client.force_login(User.objects.get(pk=name))
        return client

    return sign_in


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox) -> Road:
    """The whole road behind the pages, with every duty at hand."""
    return Road(world, clock)


def text_of(response: HttpResponse) -> str:
    """What a reader sees, on one line."""
    body = re.sub(r"<(script|style|head)\b.*?</\1>", " ", response.content.decode(), flags=re.S)
    return " ".join(
        unescape(re.sub(r"<[^>]+>", "", re.sub(r"</?(p|div|li|h\d|dt|dd|td)\b[^>]*>", " ", body))).split()
    )


def weight(packed: bytes) -> int:
    """Bytes of a compressed page with its style, scripts and icon."""
    names = ("tocsin.css", "tocsin.js", "htmx.js", "icon.svg")
    return len(packed) + sum(len(asset.packed) for name in names if (asset := assets.load(name)))
