"""Nothing is open that did not say so, and no answer leaves without its headers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, override_settings
from django.urls import URLPattern, URLResolver, get_resolver, path

from tests.web.conftest import SignedIn, text_of
from tests.world import Clock, World
from tocsin.incident.actions import open_incident
from tocsin.kernel.acting import ENGINE
from tocsin.people.rules import TABLE, May, Role
from tocsin.site.urls import urlpatterns as every_address
from tocsin.web.errors import broken
from tocsin.web.guard import Open, declared, is_foreign, public, safe_next
from tocsin.web.headers import SECURITY_HEADERS


def routes(patterns: object = None, before: str = "") -> Iterator[tuple[str, object]]:
    """Every address with its view."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:  # type: ignore[attr-defined]
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, before + str(pattern.pattern))
        elif isinstance(pattern, URLPattern):
            yield before + str(pattern.pattern), pattern.callback


NOBODYS = "00000000-0000-4000-8000-000000000000"


def example(route: str) -> str:
    """An address that the route takes."""
    for shape, value in (
        ("<int:", "1"),
        ("<slug:", "shop"),
        ("<str:", "x"),
        ("<path:", "x"),
        ("<uuid:", NOBODYS),
    ):
        while shape in route:
            start = route.index(shape)
            route = route[:start] + value + route[route.index(">", start) + 1 :]
    return "/" + route


PAGES = sorted(
    (route, rule) for route, view in routes() if isinstance(rule := declared(view), May) and "(" not in route
)
FOR_SOME = [(route, rule) for route, rule in PAGES if rule not in TABLE[Role.STAKEHOLDER]]


def test_every_route_declares_who_may_open_it() -> None:
    silent = [route for route, view in routes() if declared(view) is None]
    assert silent == []


def test_the_routes_are_there_at_all() -> None:
    assert {"", "incidents", "incidents/<int:incident_id>", "console"} <= {route for route, _ in PAGES}
    assert dict(PAGES)["incidents/<int:incident_id>/acknowledge"] is May.ACT


@pytest.mark.parametrize("route", [route for route, _ in PAGES])
def test_who_is_not_signed_in_is_led_to_the_sign_in_and_back(route: str, db: None) -> None:
    address = example(route)
    for method in ("get", "post"):
        answer = getattr(Client(), method)(address)
        assert answer.status_code == 302, (method, address)
        assert answer["Location"].startswith("/sign-in?next=")
    assert Client().get(address)["Location"] == f"/sign-in?next={address}"


@pytest.mark.parametrize(("route", "rule"), FOR_SOME)
def test_a_stakeholder_is_refused_what_their_role_does_not_include(
    route: str, rule: May, signed_in: SignedIn
) -> None:
    for method in ("get", "post"):
        answer = getattr(signed_in("sam"), method)(example(route))
        assert answer.status_code == 403, (method, route)
        assert rule.value in text_of(answer)


def test_a_fragment_asked_for_without_a_session_says_where_to_sign_in(world: World) -> None:
    answer = Client().get("/", headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert answer["HX-Redirect"] == "/sign-in?next=/"


def test_a_form_sent_without_a_session_leads_back_to_the_page_it_stood_on(world: World) -> None:
    answer = Client().post("/incidents/1/acknowledge", headers={"Referer": "http://testserver/incidents/1"})
    assert answer["Location"] == "/sign-in?next=/incidents/1"
    answer = Client().post("/incidents/1/acknowledge", headers={"Referer": "https://elsewhere.example/x"})
    assert answer["Location"] == "/sign-in?next=/"


def undeclared(request: HttpRequest) -> HttpResponse:
    return HttpResponse("secret")


@public
def fails(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("SELECT key FROM canary")


@public
def database_away(request: HttpRequest) -> HttpResponse:
    raise OperationalError("could not connect to /var/lib/canary")


@public
def forbidden(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied("canary")


urlpatterns = [
    path("undeclared", undeclared),
    path("fails", fails),
    path("away", database_away),
    path("forbidden", forbidden),
    *every_address,
]
handler500 = broken
handler403 = "tocsin.web.errors.forbidden"
handler404 = "tocsin.web.errors.not_found"


@pytest.fixture
def odd_pages() -> Iterator[None]:
    """Addresses as a careless change might add them."""
    with override_settings(ROOT_URLCONF="tests.web.test_guard"):
        yield


def test_a_view_that_declares_nothing_answers_403_to_everybody(odd_pages: None, signed_in: SignedIn) -> None:
    for client in (Client(), signed_in("ada")):
        answer = client.get("/undeclared")
        assert answer.status_code == 403
        assert b"secret" not in answer.content


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/nowhere",
        "/undeclared",
        "/fails",
        "/away",
        "/forbidden",
        "/static/x/tocsin.css",
        "/a/x",
        "/theme",
    ],
)
@pytest.mark.parametrize("method", ["get", "post", "head", "put"])
def test_every_answer_carries_the_headers(
    odd_pages: None, signed_in: SignedIn, address: str, method: str
) -> None:
    client = signed_in("ada")
    client.raise_request_exception = False
    answer = getattr(client, method)(address)
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers[name] == value, name
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert len(answer.headers["X-Request-Id"]) == 16
    if "/static/" not in address:
        assert answer.headers["Cache-Control"].startswith(("no-store", "max-age=0, no-cache, no-store"))
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_over_https_browsers_are_told_to_stay_there(signed_in: SignedIn, settings: object) -> None:
    from dataclasses import replace

    settings.CONFIG = replace(settings.CONFIG, url="https://tocsin.example")  # type: ignore[attr-defined]
    assert "max-age=31536000" in signed_in("ada").get("/").headers["Strict-Transport-Security"]


def test_an_error_says_nothing_of_the_inside(odd_pages: None, world: World) -> None:
    client = Client(raise_request_exception=False)
    for address, status in (("/fails", 500), ("/away", 503), ("/forbidden", 403)):
        answer = client.get(address)
        assert answer.status_code == status
        assert b"canary" not in answer.content
        assert answer.headers["X-Request-Id"] in text_of(answer)


def test_what_was_sent_while_the_database_is_away_is_said_not_to_be_done(
    odd_pages: None, world: World
) -> None:
    assert "NOT DONE" in text_of(Client().post("/away"))


def test_a_program_that_wants_json_gets_its_errors_as_json(world: World) -> None:
    answer = Client().get("/nowhere", headers={"Accept": "application/json"})
    assert answer.status_code == 404
    assert answer.json()["error"].startswith("No page at /nowhere")


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
    ],
)
def test_another_website_cannot_post(
    headers: dict[str, str], clock: Clock, world: World, signed_in: SignedIn
) -> None:
    incident = open_incident("shop", "Checkout fails", by=ENGINE, now=clock.now)
    answer = signed_in("bo").post(f"/incidents/{incident.pk}/acknowledge", headers=headers)
    assert answer.status_code == 403
    assert "Another website" in text_of(answer)
    incident.refresh_from_db()
    assert incident.state == "triggered"


def test_a_form_without_its_secret_is_refused_in_words(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.bo)
    answer = client.post("/theme", {"theme": "dark"})
    assert answer.status_code == 403
    assert "reload the page" in text_of(answer)


def test_the_same_origin_is_not_foreign() -> None:
    make = RequestFactory().post
    assert not is_foreign(make("/", headers={"Sec-Fetch-Site": "same-origin"}))
    assert not is_foreign(make("/", headers={"Origin": "http://testserver"}))
    assert not is_foreign(make("/"))


@pytest.mark.parametrize(
    "bad",
    [
        "https://elsewhere.example/",
        "//elsewhere.example",
        "/\\elsewhere.example",
        "javascript:alert(1)",
        None,
        "",
    ],
)
def test_a_redirect_never_leaves_the_site(bad: str | None) -> None:
    assert safe_next(RequestFactory().get("/"), bad) == "/"
    assert safe_next(RequestFactory().get("/"), "/incidents?q=x") == "/incidents?q=x"


def test_only_the_api_and_act_links_open_without_a_session() -> None:
    own = {route.split("/")[0] for route, view in routes() if declared(view) is Open.OWN_KEY}
    assert own <= {"api", "channels", "metrics", "push", "schema", ""}, own


def test_the_theme_is_chosen_without_script_and_kept(world: World) -> None:
    client = Client()
    answer = client.post("/theme", {"theme": "dark", "next": "//elsewhere.example"})
    assert answer.status_code == 303
    assert answer["Location"] == "/"
    client.force_login(world.bo)
    assert b'data-theme="dark"' in client.get("/").content
    client.post("/theme", {"theme": "system"})
    assert b"data-theme" not in client.get("/").content.split(b">")[1]
