"""A device that pages wake, in a real browser: its worker shows the page, says so, and its button acknowledges.

Chromium takes push messages from its maker's service only, so a push service of our own stands in between: what the
program sends there is opened with the browser's key and handed to the real worker by the browser's own tools.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import WIDTHS
from tests.browser.looking import PATIENCE_MS, fits, until
from tests.patience import eventually
from tests.programs import Program, running
from tocsin.testing.fakes import running as chatting
from tocsin.testing.fakes.push import FakeBrowser, FakePush

pytestmark = pytest.mark.browser

# What the page would get from the browser's own push service.
GIVES = """
(phone) => {
  const plain = (text) => atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  PushManager.prototype.getSubscription = async () => null;
  PushManager.prototype.subscribe = async () => ({
    endpoint: phone.endpoint,
    getKey: (name) => Uint8Array.from(plain(phone[name]), (c) => c.charCodeAt(0)).buffer,
  });
}
"""


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Program]:
    with running(tmp_path / "data", "--demo", TOCSIN_ALLOWED_NETWORKS="127.0.0.0/8") as program:
        yield program


@pytest.fixture
def service() -> Iterator[FakePush]:
    with chatting(FakePush()) as fake:
        yield fake


@pytest.fixture
def page(demo: Program, chromium: Browser) -> Iterator[Page]:
    """A phone, signed in, that may show notifications."""
    wide, high = WIDTHS["phone"]
    context = chromium.new_context(
        base_url=demo.address, viewport={"width": wide, "height": high}, permissions=["notifications"]
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    assert demo.sign_in_link is not None
    page.goto(urlsplit(demo.sign_in_link).path)
    page.get_by_role("button").first.click()
    page.wait_for_url(lambda url: "/sign-in/" not in url)
    yield page
    context.close()


class Worker:
    """The page's worker, woken as a push service would wake it."""

    def __init__(self, page: Page) -> None:
        self._page, self._registrations = page, list[str]()
        self._tools = page.context.new_cdp_session(page)
        self._tools.on("ServiceWorker.workerRegistrationUpdated", self._updated)
        self._tools.send("ServiceWorker.enable")

    def _updated(self, said: dict[str, Any]) -> None:
        self._registrations.extend(each["registrationId"] for each in said["registrations"])

    def gets(self, origin: str, message: dict[str, Any]) -> None:
        """Wake it with the message."""
        told = {"origin": origin, "registrationId": self._registrations[-1], "data": json.dumps(message)}
        self._tools.send("ServiceWorker.deliverPushMessage", told)

    def shows(self, found: str, given: Any = None) -> None:
        """Wait until `found`, a function of all notifications and of `given`, says yes."""
        until(
            self._page,
            "(given) => navigator.serviceWorker.ready.then((r) => r.getNotifications())"
            f".then((all) => ({found})(all, given))",
            given,
        )

    def is_pressed(self, ident: str, verb: str) -> None:
        """Press the button of the notification about the message with this id."""
        self._page.context.service_workers[-1].evaluate(
            """async ([ident, action]) => {
              const all = await self.registration.getNotifications();
              const notification = all.find((one) => one.data.id === ident);
              self.dispatchEvent(new NotificationEvent("notificationclick", { notification, action }));
            }""",
            [ident, verb],
        )


def next_of(phone: FakeBrowser, count: int) -> dict[str, Any]:
    """The `count`-th message to the phone, when it has come."""
    return eventually(lambda: len(phone.got) >= count and phone.got[count - 1])


def test_a_phone_is_connected_woken_and_its_button_acknowledges(
    demo: Program, page: Page, service: FakePush
) -> None:
    expect.set_options(timeout=PATIENCE_MS)
    worker = Worker(page)
    page.goto("/me/devices")
    server_key = page.locator("[data-device]").get_attribute("data-device") or ""
    phone = service.browser(server_key)
    key, _, secret = phone.address.removeprefix("push:").partition(",")[0].partition(".")
    page.evaluate(GIVES, {"endpoint": phone.endpoint, "p256dh": key, "auth": secret})
    assert fits(page)
    page.get_by_role("button", name="Let this device wake me").click()

    # The code comes to this very browser, and is entered by itself.
    expect(page.get_by_text(re.compile("A code (is on its way|was sent there)"))).to_be_visible()
    code = next_of(phone, 1)
    until(page, "navigator.serviceWorker.controller !== null")
    worker.gets(demo.address, code)
    expect(page.get_by_text("Wakes you since")).to_be_visible()
    assert fits(page)

    # A page: shown with its buttons, and what was shown is confirmed.
    page.goto("/me")
    page.get_by_role("button", name="Test all my contacts now").click()
    test = next_of(phone, 2)
    worker.gets(demo.address, test)
    worker.shows("(all) => all.some((one) => one.title.startsWith('Test'))")
    eventually(lambda: demo.ask("GET", f"/api/v1/deliveries/{test['id']}")[1]["state"] == "confirmed")

    # The button in the notification.
    rules = {"high": [{"contact": "computer", "after": "0s"}], "low": []}
    status, _ = demo.ask("PUT", "/api/v1/users/ada/reach", {"contacts": {"computer": phone.address}, **rules})
    assert status == 200
    page.goto("/")
    page.get_by_role("button", name="Send a test alert").first.click()
    alarm = next_of(phone, 3)
    assert [act["verb"] for act in alarm["acts"]] == ["acknowledge", "escalate"]
    worker.gets(demo.address, alarm)
    worker.shows("(all, id) => all.some((one) => one.data.id === id)", alarm["id"])
    worker.is_pressed(alarm["id"], "acknowledge")
    said = "You acknowledged it. It is yours, and nobody else is paged."
    done = "(all, said) => all.some((one) => one.title === said[0] && one.body === said[1])"
    worker.shows(done, [said, alarm["title"]])

    # More of the same stands beside the page in silence, and the end puts it away.
    update = alarm | {
        "id": "more",
        "tag": f"{alarm['tag']}-update",
        "urgent": False,
        "quiet": True,
        "seen": "",
    }
    over = alarm | {"id": "over", "urgent": False, "clears": update["tag"], "acts": [], "seen": ""}
    for message, tags in ((update, [alarm["tag"], update["tag"]]), (over, [alarm["tag"]])):
        worker.gets(demo.address, message)
        worker.shows(
            """(all, wanted) => {
              const tags = all.map((one) => one.tag).filter((tag) => tag.startsWith(wanted[0])).sort();
              return JSON.stringify(tags) === JSON.stringify(wanted);
            }""",
            tags,
        )
    page.goto(alarm["link"])
    expect(page.get_by_text("acknowledged").first).to_be_visible()
