"""What an alert says may be cut on its way to a person, and never inside what a reader sees as one character."""

from __future__ import annotations

import pytest

from tests.channels.hostile import CHARACTERS, is_whole
from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.answering.rules.reporting import title_of
from tocsin.channels.email import as_text
from tocsin.incident.models import Incident
from tocsin.sources import reading

TITLE, DESCRIPTION = 1_000, 15_000  # as long as readers of events let them be


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox) -> Road:
    return Road(world, clock)


def whole(text: str, character: str) -> bool:
    return character in text and is_whole(text, character)


@pytest.mark.parametrize("character", CHARACTERS)
def test_a_page_is_cut_between_characters_from_its_sender_to_its_reader(
    road: Road, outbox: Outbox, character: str
) -> None:
    for shift in range(len(character) + 1):
        title = "x" * shift + character * (TITLE // len(character))
        description = "x" * shift + character * (DESCRIPTION // len(character))
        road.event(f"one-{shift}", title=title, description=description)
        road.look()
        incident = Incident.objects.latest("pk")
        message = outbox.to("bo")[-1]
        for text in (
            incident.title,
            incident.description,
            message.subject,
            *message.lines[:1],
            message.lines[-1],
        ):
            assert whole(text, character), text[-20:]
        assert whole(as_text(message), character)


@pytest.mark.parametrize("character", CHARACTERS)
def test_what_senders_and_people_write_is_cut_between_characters(character: str) -> None:
    for shift in range(len(character) + 1):
        long = "x" * shift + character * 20_000
        for text in (reading.title(long), reading.prose(long), title_of(long, "")):
            assert whole(text.removesuffix(reading.CUT), character), text[-20:]
