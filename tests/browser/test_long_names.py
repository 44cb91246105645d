"""Names and titles as long as they may be stay inside the page of a phone, and inside what frames them."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Open
from tests.programs import Program

pytestmark = pytest.mark.browser
NAME = "Wolfeschlegelsteinhausenbergerdorff Hubert Blaine Maximilian Zacharias von und zu Hohenstaufen"
TITLE = (
    "KubePodCrashLooping: shop/checkout-api-6f9c7d8b9-xkzq2 at prometheus.example" + "/path/without/space" * 8
)
PLACES = (
    "/",
    "/incidents",
    "/new/schedule",
    "/new/team",
    "/new/policy",
    "/new/webhook",
    "/people",
    "/people/long",
    "/schedules/web-primary/cover",
    "/schedules/web-primary/override",
    "/schedules/web-primary/edit",
    "/schedules/web-primary/handover",
    "/integrations/demo-alerts",
)
# What is wider than the window, and lies in nothing that scrolls sideways or is there for screen readers only.
BEYOND = """all => all.filter(each => {
    const box = each.getBoundingClientRect();
    if (!box.width || box.right <= document.documentElement.clientWidth + 1) return false;
    for (let within = each; within; within = within.parentElement) {
        const style = getComputedStyle(within);
        if (style.clipPath !== "none") return false;
        if (within !== each && ["auto", "scroll"].includes(style.overflowX)) return false;
    }
    return true;
}).map(each => each.outerHTML.slice(0, 120))"""


def beyond(page: Page) -> list[str]:
    found: list[str] = page.locator("main *").evaluate_all(BEYOND)
    return found


def test_long_names_and_titles_stay_inside_a_phone(open_page: Open, demo: Program) -> None:
    person = {"name": NAME, "email": "long@example.com", "timezone": "UTC", "role": "responder"}
    assert demo.ask("PUT", "/api/v1/users/long", person)[0] in (200, 201)
    assert demo.ask("POST", "/api/v1/incidents", {"service": "shop", "title": TITLE})[0] in (200, 201)
    page = open_page("/", "phone")
    for place in PLACES:
        answer = page.goto(place)
        assert answer is not None and answer.status == 200, place
        assert beyond(page) == [], place


def test_the_tab_of_a_page_is_in_sight_on_a_phone(open_page: Open) -> None:
    page = open_page("/calendars", "phone")
    for place in ("/calendars", "/settings/audit", "/settings/templates"):
        page.goto(place)
        right = page.locator(".tabs [aria-current]").evaluate("tab => tab.getBoundingClientRect().right")
        assert 0 < right <= 390, place
