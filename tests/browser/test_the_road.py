"""From "Send a test alert" to acknowledged and told in the timeline, in a real browser, on a phone and at a desk."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress

import pytest
from playwright.sync_api import Page, Route, TimeoutError, expect

from tests.browser.conftest import Open
from tests.browser.looking import PATIENCE_MS, fits, until
from tests.programs import Program

pytestmark = pytest.mark.browser
INCIDENT = re.compile(r"/incidents/(\d+)$")
PLACES = (
    "/",
    "/incidents?state=all",
    "/incidents/new",
    "/console",
    "/services",
    "/policies",
    "/people",
    "/settings",
    "/me",
)


@pytest.fixture(scope="module", autouse=True)
def _patience() -> None:
    expect.set_options(timeout=PATIENCE_MS)


def send_test_alert(page: Page) -> int:
    """Press the button on the first page; the number of the incident that it leads to."""
    page.goto("/")
    page.get_by_role("button", name="Send a test alert").click()
    page.wait_for_url(INCIDENT)
    found = INCIDENT.search(page.url)
    assert found is not None
    return int(found[1])


def on_call(demo: Program) -> tuple[str, str]:
    """The names of whoever is on call in the demo, and of who comes next."""
    _, people = demo.ask("GET", "/api/v1/users")
    names = {row["id"]: row["name"] for row in people["items"]}
    _, (rota,) = demo.ask("GET", "/api/v1/on-call")
    return names[rota["users"][0]], names[rota["next"][0]]


@pytest.mark.parametrize("width", ["phone", "desk"])
def test_a_test_alert_climbs_until_somebody_answers_from_the_message(
    width: str, open_page: Open, pictures: Callable[[Page, str], None], demo: Program
) -> None:
    # Who is paged first depends on the week in which this runs.
    first, second = on_call(demo)
    page = open_page("/", width)
    number = send_test_alert(page)
    expect(page.locator("h1")).to_contain_text("Test alert, sent by Ada Ortiz")
    expect(page.get_by_text("Nobody has it")).to_be_visible()
    assert fits(page)
    pictures(page, f"incident-{width}")

    console = open_page("/console", width)
    mine = console.locator("article").filter(has_text=f"#{number}")
    expect(mine.filter(has_text=f"to {first}").first).to_be_visible()
    # The next level is paged while we watch, without a reload.
    expect(mine.filter(has_text=f"to {second}").first).to_be_visible()
    assert fits(console)
    pictures(console, f"console-{width}")

    mine.filter(has_text=f"to {second}").first.get_by_role("link", name="Acknowledge").click()
    expect(console.get_by_text(f"You act as {second}")).to_be_visible()
    assert fits(console)
    console.get_by_role("button", name="Acknowledge").click()
    expect(console.get_by_text("You acknowledged it.")).to_be_visible()

    # The incident's page, open all the while, has changed by itself.
    expect(page.locator(".incident-state")).to_contain_text(f"{second} has it")
    timeline = page.locator("#timeline")
    for sentence in (
        f"{second} acknowledged from a message",
        f"Level 2 pages {second}.",
        f"Level 1 pages {first}.",
        "opened it as P1: Test alert, sent by Ada Ortiz.",
    ):
        expect(timeline.get_by_text(sentence).first).to_be_visible()  # a slow machine may see a second round
    pictures(page, f"acknowledged-{width}")
    page.get_by_role("button", name="Resolve").first.click()
    expect(page.locator(".incident-state")).to_contain_text("Resolved")


def test_without_script_everything_needed_at_night_works(open_page: Open) -> None:
    page = open_page("/", "phone", script=False)
    page.get_by_role("button", name="Send a test alert").click()
    page.wait_for_url(
        INCIDENT
    )  # the page that waits reloads itself by a header for the browser, not by script
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_text("is yours. Nobody else is paged about it.")).to_be_visible()
    page.get_by_label("Note").fill("Looking at it")
    page.get_by_role("button", name="Add note").click()
    expect(page.get_by_text("Looking at it")).to_be_visible()
    page.get_by_role("button", name="Resolve").click()
    expect(page.locator(".incident-state")).to_contain_text("Resolved")


def test_what_is_being_typed_or_read_stays_when_the_page_changes(open_page: Open, demo: Program) -> None:
    page = open_page()
    number = send_test_alert(page)
    page.get_by_text("Raw payload").click()
    expect(page.locator(".payload")).to_be_visible()
    note = page.get_by_placeholder("Write a note")
    note.fill("half a sentence")
    demo.ask("POST", f"/api/v1/incidents/{number}/acknowledge", {})
    # While the words are being typed the page waits; then it changes around them.
    page.locator("h1").click()
    note.blur()
    expect(page.locator(".incident-state")).to_contain_text("Command line has it")
    expect(note).to_have_value("half a sentence")
    expect(page.locator(".payload")).to_be_visible()


def test_a_part_that_could_not_be_fetched_is_fetched_again(open_page: Open, demo: Program) -> None:
    page = open_page()
    number = send_test_alert(page)
    expect(page.locator("#live-state")).to_have_text("live")
    failed = []

    def once(route: Route) -> None:
        failed.append(route)
        if len(failed) == 1:
            route.fulfill(status=204)
        else:
            route.continue_()

    page.route(f"**/incidents/{number}", once)
    demo.ask("POST", f"/api/v1/incidents/{number}/acknowledge", {})
    expect(page.locator(".incident-state")).to_contain_text("Command line has it")
    assert len(failed) >= 2


def test_a_new_incident_is_announced_while_somebody_reads_further_down(
    open_page: Open, demo: Program
) -> None:
    page = open_page("/", "phone")
    for _ in range(3):
        send_test_alert(page)
    page.goto("/")
    first = page.locator("[data-item]").first.get_attribute("id")
    page.mouse.wheel(0, 600)
    until(page, "scrollY > 0")
    expect(page.locator("#live-state")).to_have_text("live")
    other = open_page()
    number = send_test_alert(other)
    button = page.get_by_role("button", name="1 new: show")
    expect(button).to_be_visible()
    expect(page.locator(f"#incident-{number}")).to_have_count(0)
    assert page.locator("[data-item]").first.get_attribute("id") == first
    button.click()
    expect(page.locator(f"#incident-{number}")).to_be_visible()


def go_to_incidents_by_keys(page: Page) -> None:
    """The second key has to come soon after the first; a slow machine gets another chance."""
    for _ in range(10):
        page.keyboard.type("gi")
        with suppress(TimeoutError):
            page.wait_for_url("**/incidents", timeout=PATIENCE_MS / 10)
            return
    raise AssertionError("the keys lead nowhere")


def test_the_keyboard_is_enough(open_page: Open) -> None:
    page = open_page()
    number = send_test_alert(page)
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    # Who that is depends on the week, and on a slow machine the second level may have been paged already.
    expect(page.locator("#sheet")).to_contain_text(re.compile(r"Pages at once: level [123]: \w+"))
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    expect(page.locator(".incident-state")).to_contain_text("Ada Ortiz has it")
    go_to_incidents_by_keys(page)
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator(".row.here")).to_have_attribute("id", f"incident-{number}")
    page.keyboard.press("Enter")
    page.wait_for_url(INCIDENT)
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("no such words")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing found for")).to_be_visible()


def test_the_theme_can_be_chosen_and_is_kept(open_page: Open) -> None:
    page = open_page(scheme="light")
    light = page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
    page.get_by_text("Ada Ortiz", exact=True).first.click()
    page.get_by_role("button", name="dark").first.click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.goto("/incidents")
    assert page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor") != light


@pytest.mark.parametrize("width", ["phone", "desk"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_place_fits_and_nothing_is_refused_by_the_policy(
    width: str, scheme: str, open_page: Open
) -> None:
    page = open_page("/", width, scheme=scheme)
    for place in PLACES:
        answer = page.goto(place)
        assert answer is not None
        assert answer.status == 200, place
        assert fits(page), place
        small = page.locator("main .btn:visible, header summary:visible").evaluate_all(
            "all => all.filter(each => each.getBoundingClientRect().height < 36).map(each => each.textContent)"
        )
        assert small == [], place
