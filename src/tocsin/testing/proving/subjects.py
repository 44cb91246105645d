"""The channels that are proved, each with a provider on this machine and the people it reaches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from tocsin.channels import webpush
from tocsin.notification.accounts import ready
from tocsin.notification.hearing import Heard, Hears, Receipt
from tocsin.notification.providers import ProviderValue
from tocsin.testing.fakes import (
    Answer,
    AnyFake,
    Fake,
    Mood,
    Request,
    mattermost,
    running,
    slack,
    telegram,
    twilio,
)
from tocsin.testing.fakes.mattermost import FakeMattermost
from tocsin.testing.fakes.ntfy import FakeNtfy
from tocsin.testing.fakes.push import FakePush
from tocsin.testing.fakes.slack import FakeSlack
from tocsin.testing.fakes.telegram import FakeTelegram
from tocsin.testing.fakes.twilio import FakeTwilio
from tocsin.testing.proving.letters import FakeMail


class FakeHook(Fake):
    """Whoever gets webhooks: takes everything."""

    def respond(self, request: Request) -> Answer:
        """Take everything."""
        return Answer({"ok": True})


def no_receipts(request: Request, arrived: bool, now: datetime) -> Sequence[Heard]:
    """A provider that never says what became of a message."""
    return ()


Form = Mapping[str, str]  # what a vendor says of a message afterwards
_TEXTED = {"MessageStatus": "delivered"}
_CALLED = {"CallStatus": "completed", "AnsweredBy": "human"}


@dataclass
class Subject:
    """One channel to prove. `address` makes the address of the n-th person; `heard` is what the provider says later
    about a request that it took."""

    name: str
    provider: Fake | FakeMail
    address: Callable[[int], str]
    account: ProviderValue | None = None
    heard: Callable[[Request, bool, datetime], Sequence[Heard]] = no_receipts
    path: str = ""  # of the requests that are this channel's, where a provider serves two
    never_takes: bool = False  # whatever its mood
    _read: int = field(default=0, repr=False)

    @property
    def gives_receipts(self) -> bool:
        """Whether the vendor says later that a message has arrived."""
        return self.heard is not no_receipts

    def news(self) -> list[tuple[str, bool, Request | None]]:
        """What the provider got since the last time: the text in which marks stand, whether it was taken."""
        if isinstance(self.provider, FakeMail):
            letters = self.provider.letters[self._read :]
            self._read += len(letters)
            return [(letter.decode("latin-1"), taken, None) for letter, taken in letters]
        requests = self.provider.requests[self._read :]
        self._read += len(requests)
        takes = self.provider.mood in (Mood.WELL, Mood.DROPS) and not self.never_takes
        return [
            (self._text_of(request), takes and _is_message(request), request)
            for request in requests
            if request.path.endswith(self.path)
        ]

    def _text_of(self, request: Request) -> str:
        if isinstance(self.provider, FakePush):
            return str(self.provider.browsers[request.path].open(request.body))
        return f"{request.data}"


def _is_message(request: Request) -> bool:
    """Mattermost is asked for a conversation before anything is said in it."""
    return not request.path.endswith("/channels/direct") and not request.path.endswith("/users/me")


@contextmanager
def subjects(mail: FakeMail, server_key: str) -> Iterator[list[Subject]]:
    """Every channel with its provider, until the block ends."""
    with ExitStack() as stack:

        def begun(chat: AnyFake) -> AnyFake:
            return stack.enter_context(running(chat))

        hook, plain, push = begun(FakeHook()), begun(FakeHook()), begun(FakePush())
        workspace, bots, server = begun(FakeSlack()), begun(FakeTelegram()), begun(FakeMattermost())
        topics, phones = begun(FakeNtfy()), begun(FakeTwilio())
        yield [
            Subject("e-mail", mail, lambda n: f"mailto:person{n}@example.com"),
            Subject("webhook", hook, lambda n: f"{hook.url}/{n}"),
            Subject(
                "webhook, TLS broken",
                plain,
                lambda n: plain.url.replace("http:", "https:") + f"/{n}",
                never_takes=True,
            ),
            *_chats(workspace, bots, server, topics),
            _telephone("SMS", "sms", "Messages", phones, _TEXTED, {"MessageStatus": "undelivered"}),
            _telephone("call", "tel", "Calls", phones, _CALLED, {"CallStatus": "no-answer"}),
            Subject("web push", push, lambda n: push.browser(server_key).address, heard=_shown(push)),
        ]


def _chats(
    workspace: FakeSlack, bots: FakeTelegram, server: FakeMattermost, topics: FakeNtfy
) -> list[Subject]:
    """The chats that have an account, each with the one that the pretended vendor knows."""
    return [
        Subject(
            "Slack",
            workspace,
            lambda n: f"slack:U{n:08d}",
            ProviderValue(
                "slack",
                "slack",
                given={
                    "bot_token": slack.TOKEN,
                    "signing_secret": slack.SECRET,
                    "api_url": f"{workspace.url}/api/",
                },
            ),
        ),
        Subject(
            "Telegram",
            bots,
            lambda n: f"telegram:{1_000 + n}",
            ProviderValue(
                "telegram",
                "telegram",
                given={
                    "bot_token": telegram.TOKEN,
                    "webhook_secret": telegram.SECRET,
                    "api_url": bots.url,
                },
            ),
        ),
        Subject(
            "Mattermost",
            server,
            lambda n: f"mattermost:user{n:022d}",
            ProviderValue(
                "mattermost",
                "mattermost",
                given={"url": server.url, "bot_token": mattermost.TOKEN},
            ),
        ),
        Subject(
            "ntfy",
            topics,
            lambda n: f"ntfy:{topics.url}/topic{n}",
            ProviderValue("ntfy", "ntfy", given={"server": topics.url}),
        ),
    ]


def _telephone(
    name: str, scheme: str, what: str, provider: FakeTwilio, arrives: Form, fails: Form
) -> Subject:
    def heard(request: Request, arrived: bool, now: datetime) -> Sequence[Heard]:
        url = str(request.data["StatusCallback"])
        callback = provider.says(url, arrives if arrived else fails)
        channel = ready().opened["twilio"].channel
        return cast(Hears, channel).hear(callback, now).heard

    account = ProviderValue("twilio", "twilio", given={**twilio.SETTINGS, "api_url": provider.url})
    return Subject(name, provider, lambda n: f"{scheme}:+49151{n:08d}", account, heard, path=f"/{what}.json")


def _shown(push: FakePush) -> Callable[[Request, bool, datetime], Sequence[Heard]]:
    def heard(request: Request, arrived: bool, now: datetime) -> Sequence[Heard]:
        told: dict[str, Any] = push.browsers[request.path].open(request.body)
        return [Receipt(True, webpush.shown_delivery(told["seen"]))] if arrived else []

    return heard
