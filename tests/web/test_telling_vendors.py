"""Telling a vendor where to call us, from its page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.channels.conftest import LOOPBACK
from tests.patience import PATIENCE
from tests.web.conftest import SignedIn, text_of
from tests.world import Clock, World
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.reach import Reach
from tocsin.channels.slack import Slack
from tocsin.channels.telegram import Telegram
from tocsin.journal.models import Entry
from tocsin.kernel.acting import By
from tocsin.notification import accounts, vendors
from tocsin.notification.providers import ProviderValue, save_provider
from tocsin.testing.fakes import running
from tocsin.testing.fakes import slack as sl
from tocsin.testing.fakes.telegram import SECRET, TOKEN, FakeTelegram

BY = By("cli", "test")


@pytest.fixture
def fake(world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTelegram]:
    """A Telegram on this machine, and an account with it."""
    outgoing = Outgoing(Reach.of(LOOPBACK), deadline=PATIENCE)
    monkeypatch.setattr(
        vendors, "_vendors", {vendor.kind: vendor for vendor in (Telegram(outgoing), Slack(outgoing))}
    )
    accounts.forget()
    with running(FakeTelegram()) as chat:
        given = {"bot_token": TOKEN, "webhook_secret": SECRET, "api_url": chat.url}
        save_provider(ProviderValue("bot", "telegram", given=given), BY, clock.now)
        yield chat
    accounts.forget()
    outgoing.close()


def test_telegram_is_told_by_a_press_and_the_page_says_what_it_made_of_that(
    fake: FakeTelegram, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = signed_in("ada")
    assert "Tell Telegram" in text_of(ada.get("/settings/ways/bot"))

    refused = text_of(ada.post("/settings/ways/bot/tell", follow=True))
    assert "Telegram calls https addresses only" in refused  # the tests' own address is an http one
    assert fake.requests == []

    monkeypatch.setattr(
        accounts, "callback_url", lambda provider: f"https://tocsin.example/channels/{provider}"
    )
    accounts.forget()
    assert "It knows now where to call us." in text_of(ada.post("/settings/ways/bot/tell", follow=True))
    assert fake.webhook["url"] == "https://tocsin.example/channels/bot"
    told = Entry.objects.filter(kind="provider.introduced").order_by("seq")
    assert [entry.data["outcome"][:9] for entry in told] == ["Telegram ", "it agreed"]
    for address in ("/settings/ways/bot", "/settings/audit"):
        page = ada.get(address).content.decode()
        assert TOKEN not in page
        assert SECRET not in page


def test_slacks_app_is_made_from_a_text_on_its_page(
    fake: FakeTelegram, clock: Clock, signed_in: SignedIn
) -> None:
    save_provider(
        ProviderValue("chat", "slack", given={"bot_token": sl.TOKEN, "signing_secret": sl.SECRET}),
        BY,
        clock.now,
    )
    for address in ("/settings/ways/add/slack", "/settings/ways/chat"):
        page = signed_in("ada").get(address).content.decode()
        assert "slash_commands" in page
        assert sl.SECRET not in page
        assert sl.TOKEN not in page
    assert signed_in("ada").post("/settings/ways/chat/tell").status_code == 409


def test_who_may_not_change_settings_tells_no_vendor_anything(
    fake: FakeTelegram, signed_in: SignedIn
) -> None:
    for name in ("bo", "sam", "mo"):
        assert signed_in(name).post("/settings/ways/bot/tell").status_code == 403
    assert fake.requests == []
