"""A real browser before the real program: Debian's Chromium, `tocsin run --demo`, phone and desk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.looking import PATIENCE_MS
from tests.programs import Program, running

CHROMIUM = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), "")
WIDTHS = {"phone": (390, 844), "desk": (1440, 900)}

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The demo organisation, running."""
    with running(tmp_path_factory.mktemp("demo") / "data", "--demo") as program:
        yield program


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser, gone before the next file's tests: while it is there, its event loop runs in this thread, and
    Django refuses to use the database beside one."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def session(demo: Program, chromium: Browser) -> list[dict[str, object]]:
    """The cookies of the administrator, who came in by the one-time link and its button."""
    context = chromium.new_context()
    page = context.new_page()
    assert demo.sign_in_link is not None
    page.goto(demo.address + urlsplit(demo.sign_in_link).path)
    page.get_by_role("button").first.click()
    page.wait_for_url(lambda url: "/sign-in/" not in url)
    cookies = context.cookies()
    context.close()
    return [dict(cookie) for cookie in cookies]


@pytest.fixture
def open_page(
    demo: Program, chromium: Browser, session: list[dict[str, object]], request: pytest.FixtureRequest
) -> Iterator[Open]:
    """Opens a page signed in; `width` is "phone" or "desk". Whatever the browser complains of fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_one(path: str = "/", width: str = "desk", script: bool = True, scheme: str = "light") -> Page:
        wide, high = WIDTHS[width]
        context = chromium.new_context(
            base_url=demo.address,
            viewport={"width": wide, "height": high},
            is_mobile=width == "phone",
            has_touch=width == "phone",
            java_script_enabled=script,
            color_scheme=scheme,  # type: ignore[arg-type]
        )
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        context.add_cookies(session)  # type: ignore[arg-type]
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: said.type == "error" and complaints.append(said.text))
        page.goto(path)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="session")
def pictures() -> Callable[[Page, str], None]:
    """Keeps a picture of a page where TOCSIN_PICTURES names a folder; the README's come from there."""
    folder = os.environ.get("TOCSIN_PICTURES")

    def keep(page: Page, name: str) -> None:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=str(Path(folder) / f"{name}.png"))

    return keep
