"""What each channel carries to one address: bounded for everything that a person reads, a room's apart."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tocsin.channels.apprise import AppriseChannel
from tocsin.channels.console import Console
from tocsin.channels.email import Email
from tocsin.channels.mattermost.channel import MattermostChannel
from tocsin.channels.ntfy import NtfyChannel
from tocsin.channels.slack.channel import SlackChannel
from tocsin.channels.teams import Teams
from tocsin.channels.telegram.channel import TelegramChannel
from tocsin.channels.twilio.channel import CALL_LIMITS, SMS_LIMITS
from tocsin.channels.webhook import Webhook
from tocsin.channels.webpush import WebPush
from tocsin.notification.rules import Limits
from tocsin.notification.rules.throttling import of_a_room

READ_BY_PEOPLE = {
    "Apprise": AppriseChannel.limits,
    "call": CALL_LIMITS,
    "e-mail": Email.limits,
    "Mattermost": MattermostChannel.limits,
    "ntfy": NtfyChannel.limits,
    "Slack": SlackChannel.limits,
    "SMS": SMS_LIMITS,
    "Teams": Teams.limits,
    "Telegram": TelegramChannel.limits,
    "web push": WebPush.limits,
}
TEN_MINUTES, QUARTER = timedelta(minutes=10), timedelta(minutes=15)


def most(limits: Limits, span: timedelta) -> int:
    """The most that a storm brings within `span`."""
    return min(rate.count * -(-span // rate.per) for rate in limits.storm)


@pytest.mark.parametrize("name", READ_BY_PEOPLE)
def test_a_storm_brings_a_person_five_messages_in_ten_minutes(name: str) -> None:
    assert most(READ_BY_PEOPLE[name], TEN_MINUTES) <= 5


def test_nobody_is_called_more_than_three_times_in_a_quarter_of_an_hour() -> None:
    assert CALL_LIMITS.loud
    assert most(CALL_LIMITS, QUARTER) <= 3


@pytest.mark.parametrize("name", READ_BY_PEOPLE)
def test_a_room_gets_more_than_a_person_and_not_everything(name: str) -> None:
    room = of_a_room(READ_BY_PEOPLE[name])
    assert 1 <= most(room, timedelta(minutes=1)) <= 20
    assert most(room, TEN_MINUTES) >= most(READ_BY_PEOPLE[name], TEN_MINUTES)


def test_programs_and_the_console_get_everything() -> None:
    for limits in (Webhook.limits, Console.limits):
        assert not limits.storm and not limits.rates and not limits.room


def test_updates_go_where_they_lie_with_what_was_said_before() -> None:
    gathering = {name for name, limits in READ_BY_PEOPLE.items() if limits.gathers}
    changing = {name for name, limits in READ_BY_PEOPLE.items() if limits.updates}
    assert gathering == {"e-mail", "ntfy", "web push"}
    assert changing == {"Mattermost", "Slack", "Telegram"}
