"""What a place's message offers: many read it, so no link in it acts for anybody."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import uuid4

import pytest

from tests.world import Clock, World
from tocsin.channels.email import as_html, as_text
from tocsin.channels.webhook import render
from tocsin.notification.links import act_token, find_act_link, message_of
from tocsin.notification.models import Page
from tocsin.notification.rules import ActVerb

pytestmark = pytest.mark.django_db


def page(world: World, clock: Clock, **whom: object) -> Page:
    return Page.objects.create(
        incident_id=412, urgency="high", reason="a test", subject="Look", created_at=clock.now, **whom
    )


def test_a_places_buttons_open_nothing_and_no_code_answers_for_it(world: World, clock: Clock) -> None:
    room = message_of(page(world, clock, place="ops"), uuid4())
    assert [act.verb for act in room.acts] == [ActVerb.ACKNOWLEDGE, ActVerb.RESOLVE, ActVerb.ESCALATE]
    assert [act.url for act in room.acts] == ["", "", ""]
    assert (room.code, room.reply_to) == ("", "")
    assert json.loads(render("", room, clock.now + timedelta(0)))["acts"] == []
    assert "Acknowledge" not in as_text(room) + as_html(room)
    person = message_of(page(world, clock, user=world.bo), uuid4())
    assert all("/a/" in act.url for act in person.acts)


def test_a_link_made_of_a_places_page_opens_nothing(world: World, clock: Clock) -> None:
    room = page(world, clock, place="ops")
    assert find_act_link(act_token(room.pk, ActVerb.ACKNOWLEDGE)) is None
