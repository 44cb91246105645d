"""A contact of one's own in a real browser on a phone, without script: added, unpaged, proved by its code, paged."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import WIDTHS
from tests.browser.looking import PATIENCE_MS, fits
from tests.programs import Program, running

pytestmark = pytest.mark.browser


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Program]:
    with running(tmp_path / "data", "--demo", TOCSIN_ALLOWED_NETWORKS="127.0.0.0/8") as program:
        yield program


@pytest.fixture
def hook() -> Iterator[tuple[str, Queue[dict[str, Any]]]]:
    """An address, and what was posted to it."""
    came: Queue[dict[str, Any]] = Queue()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *words: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/mine", came
        server.shutdown()


def signed_in(chromium: Browser, demo: Program) -> Page:
    wide, high = WIDTHS["phone"]
    context = chromium.new_context(
        base_url=demo.address, viewport={"width": wide, "height": high}, java_script_enabled=False
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    assert demo.sign_in_link is not None
    page.goto(demo.address + urlsplit(demo.sign_in_link).path)
    page.get_by_role("button").first.click()
    return page


def subjects(came: Queue[dict[str, Any]]) -> list[str]:
    return [came.get()["subject"] for _ in range(came.qsize())]


def test_a_contact_is_added_and_proved_on_a_phone(
    demo: Program, chromium: Browser, hook: tuple[str, Queue[dict[str, Any]]]
) -> None:
    address, came = hook
    page = signed_in(chromium, demo)
    page.goto("/me/contacts")
    page.get_by_role("button", name="Add a contact").click()
    page.get_by_placeholder("mail", exact=True).last.fill("pocket")
    page.get_by_placeholder("ada@example.com").last.fill(address)
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_text("A code is on its way to pocket")).to_be_visible()
    fits(page)
    found = re.search(r"is (\d{3} \d{3})", came.get(timeout=PATIENCE_MS / 1000)["subject"])
    assert found

    page.get_by_role("button", name="Test all my contacts now").click()
    expect(page.get_by_role("heading", name="Test of my contacts")).to_be_visible()
    fits(page)
    assert subjects(came) == [], "nothing but codes goes to what nobody has proved"
    page.goto("/")
    expect(page.get_by_text("Your contact 'pocket' gets no pages")).to_be_visible()

    page.goto("/me")
    row = page.locator(".way-row", has_text="pocket")
    row.get_by_label("Code").fill("000 000" if found[1] != "000 000" else "111 111")
    row.get_by_role("button", name="Verify").click()
    expect(page.get_by_role("alert")).to_contain_text("These are not the digits of the latest code")
    fits(page)
    row.get_by_label("Code").fill(found[1])
    row.get_by_role("button", name="Verify").click()
    expect(page.get_by_text("pocket is verified: pages go there.")).to_be_visible()
    page.get_by_role("button", name="Test all my contacts now").click()
    assert came.get(timeout=PATIENCE_MS / 1000)["subject"].startswith("Test:")
