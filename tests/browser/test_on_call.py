"""Who is on call, in a real browser: make a rotation, drag an override, read what it does, accept a swap on a phone."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Open
from tests.browser.looking import PATIENCE_MS, fits
from tests.programs import Program

pytestmark = pytest.mark.browser
Pictures = Callable[[Page, str], None]


@pytest.fixture(scope="module", autouse=True)
def _patience() -> None:
    expect.set_options(timeout=PATIENCE_MS)


def make_rotation(page: Page, name: str, people: tuple[str, ...], timezone: str = "Europe/Madrid") -> None:
    """Make a weekly schedule with script: each person is added by choosing them."""
    page.goto("/new/schedule")
    page.get_by_label("Name", exact=True).first.fill(name)
    page.locator("[name=timezone]").fill(timezone)
    for number, person in enumerate(people, 1):
        page.locator("[name=layer-0-new]").select_option(label=person)
        expect(page.locator(".slot")).to_have_count(number)
    page.get_by_role("button", name="See what changes").last.click()
    expect(page.locator("h1")).to_have_text(f"What changes in {name}")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text(f"{name} is made.")).to_be_visible()


def test_a_rotation_is_made_with_a_preview_that_follows(open_page: Open, pictures: Pictures) -> None:
    page = open_page("/new/schedule")
    page.get_by_label("Name", exact=True).first.fill("Shop nights")
    preview = page.locator(".preview")
    expect(preview).to_contain_text("Choose whose turn it is")
    page.locator("[name=layer-0-new]").select_option(label="Chidi Okafor")
    expect(preview.locator(".cal")).to_be_visible()
    page.locator("[name=layer-0-new]").select_option(label="Bo Lind")
    expect(preview).to_contain_text("Bo Lind")
    expect(page.locator("[name=name]")).to_have_value("Shop nights")
    # The second turn goes first: by its button, and back by dragging.
    page.get_by_role("button", name="Move turn 2 up").click()
    turns = page.locator(".slot .chosen")
    expect(turns).to_contain_text(["Bo Lind", "Chidi Okafor"])
    page.locator(".slot").nth(1).drag_to(page.locator(".slot").first, target_position={"x": 4, "y": 8})
    expect(turns).to_contain_text(["Chidi Okafor", "Bo Lind"])
    pictures(page, "schedule-editor-desk")
    page.get_by_role("button", name="See what changes").last.click()
    expect(page.locator("#impact")).to_contain_text("2 people are told")
    pictures(page, "schedule-impact-desk")
    page.get_by_role("button", name="Save, and tell").click()
    expect(page.get_by_text("Shop nights is made.")).to_be_visible()
    expect(page.locator(".lead")).to_contain_text("is on call until")
    assert fits(page)
    pictures(page, "schedule-desk")


def test_presses_on_a_slow_line_come_one_after_the_other_and_nothing_typed_is_lost(open_page: Open) -> None:
    page = open_page("/new/schedule")
    page.get_by_label("Name", exact=True).first.fill("Slow line")
    turns = page.locator(".slot .chosen")
    for number, person in enumerate(("Ada Ortiz", "Bo Lind", "Chidi Okafor"), 1):
        page.locator("[name=layer-0-new]").select_option(label=person)
        expect(turns).to_have_count(number)

    def late(route: Route) -> None:
        answer = route.fetch()
        page.wait_for_timeout(400)
        route.fulfill(response=answer)

    page.route(lambda url: url.endswith("/new/schedule"), late)
    page.get_by_role("button", name="Move turn 3 up").click()
    page.get_by_role("button", name="Move turn 2 up").click()
    page.get_by_label("Name", exact=True).first.fill("Slow and sure")
    page.get_by_role("button", name="See what changes").last.click()
    expect(page.locator("h1")).to_have_text("What changes in Slow and sure")
    page.get_by_role("button", name="Go on editing").click()
    expect(turns).to_contain_text(["Chidi Okafor", "Ada Ortiz", "Bo Lind"])


def test_an_override_is_dragged_and_what_it_does_is_read_before_it_is_made(
    open_page: Open, pictures: Pictures
) -> None:
    page = open_page("/")
    make_rotation(page, "Dragged", ("Chidi Okafor", "Bo Lind"))
    page.goto("/schedules/dragged?view=weeks")
    lane = page.locator("svg.lane-final").last
    lane.scroll_into_view_if_needed()
    box = lane.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 2 / 7, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 3 / 7, box["y"] + box["height"] / 2, steps=5)
    expect(lane.locator(".draw")).to_be_visible()
    page.mouse.up()
    sheet = page.locator("#sheet")
    expect(sheet).to_contain_text("Override Dragged")
    start, end = (sheet.locator(f"[name={name}]").input_value() for name in ("start", "end"))
    assert start.endswith("T00:00") and end.endswith("T00:00") and start < end
    sheet.get_by_label("Who", exact=True).select_option(label="Ada Ortiz")
    impact = sheet.locator(".preview")
    expect(impact).to_contain_text("Ada Ortiz 1 day more")
    expect(impact).to_contain_text("1 day less")
    pictures(page, "schedule-override-desk")
    # Another may come along; "and…" makes room for one more each time, and what changes is said anew.
    sheet.get_by_label("And who").select_option(label="Bo Lind")
    expect(sheet.get_by_label("And who")).to_have_count(2)
    expect(impact).to_contain_text("Bo Lind")
    sheet.get_by_label("goes off call, and nobody comes").check()
    expect(sheet.get_by_text("Nobody chosen: whoever is on call then")).to_be_hidden()
    sheet.get_by_label("comes instead of others").check()
    sheet.get_by_label("And who").first.select_option(label="and…")
    expect(impact).to_contain_text("Ada Ortiz 1 day more")
    sheet.get_by_role("button", name="Make the override").click()
    expect(page.get_by_text("Made: Ada Ortiz instead of whoever it is")).to_be_visible()
    page.goto("/schedules/dragged?view=weeks")
    expect(page.locator("svg.lane-final").last).to_contain_text("⇄ Ada Ortiz")
    page.get_by_role("button", name="Take back: Ada Ortiz").click()
    expect(page.locator(".lane-override")).to_have_count(0)


def test_a_swap_is_accepted_on_a_phone(open_page: Open, demo: Program, pictures: Pictures) -> None:
    desk = open_page("/")
    # Alone in it: the hours that the form proposes are his also in the last hour before a hand-over.
    make_rotation(desk, "Swapped", ("Chidi Okafor",))
    # Chidi, who is on call, cannot on one day; a manager asks for him.
    desk.locator(".shifts .is-now a").first.click()
    sheet = desk.locator("#sheet")
    expect(sheet.locator("h1")).to_contain_text("Chidi Okafor")
    desk.goto("/schedules/swapped/cover")
    desk.get_by_label("Whose hours").select_option(label="Chidi Okafor")
    desk.get_by_label("Ada Ortiz", exact=True).check()
    desk.get_by_label("Note").fill("At the dentist")
    desk.get_by_role("button", name="Ask", exact=True).click()
    expect(desk.locator("h1")).to_have_text("Chidi Okafor asks for cover")
    address = urlsplit(desk.url).path

    phone = open_page("/shifts", "phone")
    expect(phone.get_by_text("Waiting for your answer")).to_be_visible()
    assert fits(phone)
    phone.get_by_role("link", name="Chidi Okafor asks you").click()
    phone.wait_for_url(f"**{address}")
    expect(phone.get_by_text("At the dentist")).to_be_visible()
    assert fits(phone)
    pictures(phone, "cover-phone")
    phone.get_by_role("button", name="I take it").tap()
    expect(phone.get_by_text("You are on call for Chidi Okafor")).to_be_visible()
    expect(phone.get_by_text("Ada Ortiz accepted.")).to_be_visible()
    phone.goto("/schedules/swapped")
    expect(phone.locator(".shifts li").filter(has_text="override")).to_contain_text("Ada Ortiz")
    assert fits(phone)
    pictures(phone, "schedule-phone")


def test_the_keys_choose_a_day_and_override_it(open_page: Open) -> None:
    page = open_page("/")
    make_rotation(page, "Keyed", ("Chidi Okafor",))
    page.goto("/schedules/keyed?view=month&on=2026-06-10")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.locator("a[data-day='2026-06-11']")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.locator("a[data-day='2026-06-18']")).to_be_focused()
    page.keyboard.press("o")
    expect(page.locator("#sheet [name=start]")).to_have_value("2026-06-18T00:00")
    expect(page.locator("#sheet [name=end]")).to_have_value("2026-06-19T00:00")
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    page.wait_for_url("**view=day**on=2026-06-18")
    page.keyboard.press("ArrowLeft")
    page.wait_for_url("**on=2026-06-17**")


def test_without_script_a_schedule_is_made_read_and_overridden(open_page: Open) -> None:
    page = open_page("/new/schedule", "phone", script=False)
    page.get_by_label("Name", exact=True).first.fill("Plain")
    page.locator("[name=layer-0-new]").select_option(label="Chidi Okafor")
    page.get_by_role("button", name="Add", exact=True).first.click()
    expect(page.locator(".slot")).to_have_count(1)
    page.get_by_role("button", name="See what changes").last.click()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Plain is made.")).to_be_visible()
    assert fits(page)
    page.get_by_role("link", name="Override").first.click()
    page.get_by_label("Who", exact=True).select_option(label="Bo Lind")
    page.get_by_role("button", name="See what changes").click()
    expect(page.get_by_text("people are told")).to_be_visible()
    page.get_by_role("button", name="Make the override").click()
    expect(page.get_by_text("Made: Bo Lind instead of whoever it is")).to_be_visible()


@pytest.mark.parametrize("width", ["phone", "desk"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_of_schedules_fits(width: str, scheme: str, open_page: Open, pictures: Pictures) -> None:
    page = open_page("/", width, scheme=scheme)
    page.goto("/schedules")
    if not page.get_by_role("link", name="Fitting", exact=True).count():
        make_rotation(page, "Fitting", ("Chidi Okafor", "Bo Lind", "Ada Ortiz"))
    places = (
        "",
        "?view=weeks",
        "?view=day",
        "/edit",
        "/override",
        "/cover",
        "/temporary",
        "/fairness",
        "/shift",
        "/delete",
    )
    for place in ("/schedules", "/shifts", "/me/absences", *(f"/schedules/fitting{rest}" for rest in places)):
        answer = page.goto(place)
        assert answer is not None
        assert answer.status == 200, place
        assert fits(page), place
        small = page.locator("main .btn:visible, main .views a:visible").evaluate_all(
            "all => all.filter(each => each.getBoundingClientRect().height < 36).map(each => each.textContent)"
        )
        assert small == [], place


def test_the_calendar_is_live_and_waits_while_somebody_drags(open_page: Open, demo: Program) -> None:
    page = open_page("/")
    make_rotation(page, "Living", ("Chidi Okafor", "Bo Lind"))
    page.goto("/schedules/living?view=weeks")
    expect(page.locator("#live-state")).to_have_text("live")
    lead, lane = page.locator(".lead"), page.locator("svg.lane-final").last
    expect(lead).to_contain_text("Chidi Okafor")

    def replaced_by(user: str) -> None:
        now = datetime.fromisoformat(demo.ask("GET", "/api/v1/schedules/living/on-call")[1]["at"])
        begun = now.replace(minute=0, second=0, microsecond=0)
        span = {"start": begun.isoformat(), "end": (begun + timedelta(days=365)).isoformat()}
        status, said = demo.ask("POST", "/api/v1/schedules/living/overrides", span | {"users": [user]})
        assert status == 201, said

    page.locator("summary").filter(has_text="More").click()
    replaced_by("bo")
    expect(lead).to_contain_text("Bo Lind")  # nobody has reloaded anything
    expect(page.locator(".lane-override").first).to_be_visible()
    expect(page.locator("details.menu[open]").filter(has_text="Handover")).to_be_visible()
    page.keyboard.press("Escape")

    lane.scroll_into_view_if_needed()
    box = lane.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 2 / 7, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 3 / 7, box["y"] + box["height"] / 2, steps=5)
    expect(lane.locator(".draw")).to_be_visible()
    replaced_by("ada")
    expect(page.locator("#schedule[data-stale]")).to_have_count(1)  # it has heard of it, and waits
    expect(lane.locator(".draw")).to_be_visible()
    expect(lead).to_contain_text("Bo Lind")
    page.keyboard.press("Escape")
    expect(lane.locator(".draw")).to_have_count(0)
    expect(lead).to_contain_text("Ada Ortiz")
    page.mouse.up()
    expect(page.locator("#sheet[open]")).to_have_count(0)


def test_a_day_chosen_by_keys_stays_chosen_when_the_calendar_is_drawn_anew(
    open_page: Open, demo: Program
) -> None:
    page = open_page("/")
    make_rotation(page, "Choosing", ("Chidi Okafor",))
    page.goto("/schedules/choosing?view=month&on=2026-06-10")
    expect(page.locator("#live-state")).to_have_text("live")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    day = page.locator("a[data-day='2026-06-11']")
    expect(day).to_be_focused()
    body = {"start": "2026-06-09T00:00", "end": "2026-06-10T00:00", "users": ["bo"]}
    assert demo.ask("POST", "/api/v1/schedules/choosing/overrides", body)[0] == 201
    expect(page.locator(".lane-override").first).to_be_visible()
    expect(day).to_be_focused()
    expect(page.locator(".behind .chosen")).to_have_count(1)


def test_layers_are_put_in_order_by_keys_and_the_order_is_said(open_page: Open) -> None:
    page = open_page("/new/schedule")
    page.get_by_role("button", name="Add a layer").click()
    expect(page.locator(".layer")).to_have_count(2)
    expect(page.locator("#layers-order")).to_contain_text("the lower wins")
    page.locator("[name=layer-0-new]").select_option(label="Chidi Okafor")
    expect(page.locator(".slot")).to_have_count(1)
    page.locator("[name=layer-1-new]").select_option(label="Bo Lind")
    expect(page.locator(".slot")).to_have_count(2)
    preview = page.locator(".preview svg.lane-final").last
    expect(preview).to_contain_text("BL")  # of both, who stands lower is on call
    page.get_by_role("button", name="Move layer 2 up").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".layer").first.locator(".chosen")).to_contain_text("Bo Lind")
    expect(page.get_by_role("button", name="Move layer 1 down")).to_be_focused()  # it has gone along
    expect(preview).to_contain_text("CO")
    page.keyboard.press("Enter")
    expect(page.locator(".layer").first.locator(".chosen")).to_contain_text("Chidi Okafor")
    expect(page.get_by_role("button", name="Move layer 2 up")).to_be_focused()


def test_the_line_of_this_instant_stands_where_it_is_and_moves(open_page: Open) -> None:
    page = open_page("/")
    # Where it is about noon, so that the day does not end meanwhile.
    east = 12 - datetime.now(UTC).hour
    make_rotation(page, "Ticking", ("Chidi Okafor",), f"Etc/GMT{-east:+d}")
    page.clock.install()
    # The page looks once more when its stream is there; a request that is under way would not stand a leap in time.
    with page.expect_response(lambda answer: answer.request.headers.get("hx-request") == "true"):
        page.goto("/schedules/ticking?view=day")
    expect(page.locator("#schedule.htmx-request")).to_have_count(0)
    expect(page.locator(".before line")).to_have_count(1)
    # How far the line is from where this instant is in the day, in minutes.
    off = """() => {
        const body = document.querySelector(".band-body");
        const [start, end] = [body.dataset.start, body.dataset.end].map((each) => Date.parse(each));
        const x = parseFloat(body.querySelector(".before line").getAttribute("x1")) / 100;
        return Math.abs(start + x * (end - start) - Date.now()) / 60000;
    }"""
    assert page.evaluate(off) < 3
    page.clock.fast_forward("00:40:00")
    assert page.evaluate(off) < 3
    page.goto("/schedules/ticking?view=day&on=2026-06-10")
    expect(page.locator(".before line")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_paper_a_schedule_is_light_whole_and_without_buttons(
    scheme: str, open_page: Open, pictures: Pictures
) -> None:
    page = open_page("/", scheme=scheme)
    page.goto("/schedules")
    if not page.get_by_role("link", name="Printed", exact=True).count():
        make_rotation(page, "Printed", ("Chidi Okafor", "Bo Lind"))
    page.emulate_media(media="print", color_scheme=scheme)  # type: ignore[arg-type]
    for place in ("/schedules/printed", "/schedules/printed?view=weeks", "/shifts"):
        page.goto(place)
        expect(page.locator(".cal")).to_be_visible()
        expect(page.locator(".zone-line")).to_contain_text("Times in Europe/Madrid")
        for hidden in ("header.top", "footer.foot", ".turn", ".views", "main .btn"):
            expect(page.locator(hidden).locator("visible=true")).to_have_count(0)
        grounds = page.locator("body, main .panel, .cal").evaluate_all(
            "all => all.map((each) => getComputedStyle(each).backgroundColor)"
        )
        assert set(grounds) <= {"rgb(255, 255, 255)", "rgba(0, 0, 0, 0)"}, place
        colour = page.locator("main h1").evaluate("each => getComputedStyle(each).color")
        assert colour == "rgb(0, 0, 0)"
        cut = page.locator(".cal").evaluate("each => each.scrollWidth > each.clientWidth + 1")
        assert not cut, place
    pictures(page, f"schedule-paper-{scheme}")


def test_every_page_with_times_names_the_zone_they_are_in(open_page: Open) -> None:
    page = open_page("/")
    make_rotation(page, "Zoned", ("Chidi Okafor", "Ada Ortiz"))
    for place in (
        "/schedules",
        "/shifts",
        "/me/absences",
        "/schedules/zoned",
        "/schedules/zoned?view=weeks",
        "/schedules/zoned?view=day",
        "/schedules/zoned/override",
        "/schedules/zoned/cover",
        "/schedules/zoned/shift",
        "/schedules/zoned/temporary",
        "/schedules/zoned/edit",
        "/schedules/zoned/handover",
        "/schedules/zoned/fairness",
    ):
        page.goto(place)
        named = page.locator("main").inner_text() + "".join(
            str(each.input_value()) for each in page.locator("main [name=timezone]").all()
        )
        assert "Europe/Madrid" in named, place


def test_an_override_is_made_on_a_phone_by_its_form(open_page: Open, pictures: Pictures) -> None:
    desk = open_page("/")
    make_rotation(desk, "Pocket", ("Chidi Okafor", "Bo Lind"))
    phone = open_page("/schedules/pocket", "phone")
    phone.locator("[data-override]").tap()
    sheet = phone.locator("#sheet")
    expect(sheet).to_contain_text("Override Pocket")
    sheet.get_by_label("Who", exact=True).select_option(label="Ada Ortiz")
    sheet.get_by_label("comes as well").check()
    expect(sheet.locator(".preview")).to_contain_text("Ada Ortiz 8 h more")
    assert fits(phone)
    pictures(phone, "override-phone")
    small = sheet.locator(".btn:visible, select:visible").evaluate_all(
        "all => all.filter((each) => each.getBoundingClientRect().height < 40).map((each) => each.outerHTML)"
    )
    assert small == []
    sheet.get_by_role("button", name="Make the override").tap()
    expect(phone.get_by_text("Made: Ada Ortiz as well")).to_be_visible()


def test_holidays_of_a_region_are_chosen_by_name(open_page: Open) -> None:
    page = open_page("/new/calendar")
    page.get_by_label("Name", exact=True).fill("Works")
    page.get_by_role("button", name="Save the calendar").click()
    page.wait_for_url(lambda url: "/new/" not in url)
    page.goto("/calendars/works")
    page.get_by_label("Country").select_option(label="Germany")
    page.get_by_label("Region").select_option(label="Bayern")
    page.get_by_role("button", name="Take them over").click()
    expect(page.locator("#source")).to_contain_text("Germany, Bayern")
    expect(page.locator("[name=holidays]")).to_have_value(re.compile("-01-06 "))
    page.get_by_role("button", name="Fetch it now").click()
    expect(page.get_by_text("It is looked at now.")).to_be_visible()
    # The engine looks, and the page says so by itself: it is due again in a month.
    expect(page.locator("#source")).to_contain_text("in 30 days")
    assert fits(page)
