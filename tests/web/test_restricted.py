"""Need to know holds on every page, in every list and over every route of the API: who may not read a restricted
incident finds nothing of it anywhere (TRUST.md D4, P10)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from tests.channels.conftest import signing_key as signing_key  # noqa: PLC0414 - offered here too
from tests.stories.road import Road
from tests.web.conftest import SignedIn, text_of
from tests.web.test_guard import NOBODYS, routes
from tests.world import Clock, World
from tocsin.catalog.actions import refresh
from tocsin.catalog.models import Service
from tocsin.incident.actions import acknowledge, resolve
from tocsin.incident.describing import add_note
from tocsin.incident.models import Incident
from tocsin.incident.restricting import let_read, restrict, unrestrict, withdraw
from tocsin.intake.models import Alert
from tocsin.kernel.acting import by_user
from tocsin.notification.links import act_token
from tocsin.notification.models import Delivery, Page
from tocsin.notification.rules import ActVerb
from tocsin.people.actions import add_token
from tocsin.people.models import User
from tocsin.people.rules import Scope

ADA, MO, BO, CY = (by_user(name, "web") for name in ("ada", "mo", "bo", "cy"))
CANARY = (
    "zebra"  # in the title, the text, the labels, the payload, the notes; a search asks for it in capitals
)
OUTSIDERS = ("cy", "mo", "sam")  # of the owning team, a manager, who only looks


@pytest.fixture
def secret(road: Road, signing_key: None) -> Incident:
    """A restricted incident in bo's hands, with all that an incident can have, and one that is over."""
    Service.objects.update(restricted=True)
    refresh()
    for key in ("old", "new"):
        road.event(
            key, title=f"zebra-title {key}", fields={"host": "zebra-label"}, description="zebra-text",
            raw={"secret": "zebra-payload"},
        )  # fmt: skip
        road.look()
    old, new = Incident.objects.order_by("pk")
    for incident in (old, new):
        acknowledge(incident.pk, BO, road.now)
        add_note(incident.pk, "zebra-note", BO, road.now)
    resolve(old.pk, BO, road.now, "zebra-ending")
    road.look()
    new.refresh_from_db()
    return new


def addresses(secret: Incident) -> Iterator[str]:
    """Every address that can be looked at, filled in so that it would lead to the incident."""
    alert = Alert.objects.filter(incident=secret).latest("pk").pk
    delivery = Delivery.objects.filter(incident_id=secret.pk).latest("due_at").pk
    values = {
        "incident_id": secret.pk,
        "number": secret.pk,
        "alert_id": alert,
        "service_id": "shop",
        "team_id": "web",
        "user_id": "bo",
        "policy_id": "web",
        "integration_id": "shop-events",
        "token": "x",
    }
    for route, _ in routes():
        if "(" in route or route.startswith("static"):
            continue
        address = "/" + route
        while "<" in address:
            start, end = address.index("<"), address.index(">")
            kind, _, name = address[start + 1 : end].rpartition(":")
            value = values.get(name)
            if value is None and name == "id":
                value = alert if "/alerts/" in address else delivery if "/deliveries/" in address else "shop"
            if value is None:
                value = {"int": "1", "uuid": NOBODYS, "NumberInPath": secret.pk}.get(kind, "x")
            address = f"{address[:start]}{value}{address[end + 1 :]}"
        yield address
    yield from (
        "/incidents?state=all",
        "/incidents?q=ZEBRA",
        f"/incidents?q=%23{secret.pk}&state=all",
        "/incidents?state=all&service=shop",
        "/api/v1/incidents?q=ZEBRA",
        "/api/v1/alerts?service=shop",
        f"/api/v1/deliveries?incident={secret.pk}",
    )


@pytest.mark.parametrize("name", OUTSIDERS)
@pytest.mark.parametrize("fragment", [False, True])
def test_no_address_says_anything_of_it_to_an_outsider(
    name: str, fragment: bool, secret: Incident, signed_in: SignedIn
) -> None:
    browser = signed_in(name)
    browser.raise_request_exception = False
    headers = {"HX-Request": "true"} if fragment else {}
    listed = sorted(set(addresses(secret)))
    assert len(listed) > 150
    found = []
    for address in listed:
        if address in ("/sign-out", "/events"):
            continue
        answer = browser.get(address, headers=headers)
        body = b"".join(answer) if answer.streaming else answer.content  # type: ignore[attr-defined]
        if CANARY in body.decode("utf-8", "replace") + str(answer.headers):
            found.append(address)
        assert answer.status_code < 500, address
    assert found == []


@pytest.mark.parametrize("name", OUTSIDERS)
def test_every_address_of_the_incident_answers_an_outsider_as_for_one_that_is_not_there(
    name: str, secret: Incident, signed_in: SignedIn
) -> None:
    browser = signed_in(name)
    for route, _ in routes():
        if not route.startswith("incidents/<int:incident_id>"):
            continue
        shut, absent = (f"/{route}".replace("<int:incident_id>", n) for n in (str(secret.pk), "999999"))
        for method in ("get", "post"):
            one, other = (getattr(browser, method)(address) for address in (shut, absent))
            assert one.status_code == other.status_code, (method, shut)
            if one.status_code == 404:
                assert _plain(one, secret.pk) == _plain(other, 999999)


def _plain(answer: HttpResponse, number: int) -> str:
    """What it says, without its own number and the request's."""
    said = text_of(answer).partition("· request")[0]
    return said.replace(f"'{number}'", "N").replace(f"/{number}", "N")


@pytest.mark.parametrize("scope", [Scope.READ, Scope.ACT])
def test_a_token_reads_what_its_person_may(
    scope: Scope, secret: Incident, world: World, clock: Clock
) -> None:
    def asked(name: str, address: str) -> tuple[int, str]:
        _, plain = add_token(User.objects.get(pk=name), "script", scope, None, ADA, clock.now)
        answer = Client().get(f"/api/v1{address}", headers={"Authorization": f"Bearer {plain}"})
        return answer.status_code, answer.content.decode()

    number = secret.pk
    alert = Alert.objects.filter(incident=secret).latest("pk").pk
    for address in (f"/incidents/{number}", f"/incidents/{number}/timeline", f"/alerts/{alert}"):
        assert asked("cy", address)[0] == 404
        assert asked("bo", address)[0] == 200
    assert CANARY not in asked("cy", "/incidents")[1] + asked("cy", "/alerts")[1]
    assert CANARY in asked("bo", "/incidents")[1]
    # A token that may not do all that its administrator may does not read unnamed either.
    assert asked("ada", f"/incidents/{number}")[0] == 404


def test_an_administrator_and_whoever_is_named_reads_it_and_sees_that_it_is_restricted(
    secret: Incident, signed_in: SignedIn, clock: Clock
) -> None:
    for name in ("ada", "bo"):
        said = text_of(signed_in(name).get(f"/incidents/{secret.pk}"))
        assert "zebra-title" in said
        assert "Restricted" in said
        assert "zebra-title" in text_of(signed_in(name).get("/"))
    let_read(secret.pk, "cy", BO, clock.now)
    assert "zebra-title" in text_of(signed_in("cy").get(f"/incidents/{secret.pk}"))
    withdraw(secret.pk, "cy", BO, clock.now)
    assert signed_in("cy").get(f"/incidents/{secret.pk}").status_code == 404


def test_counts_and_quiet_leave_it_out(secret: Incident, signed_in: SignedIn) -> None:
    assert "1 in hand" in text_of(signed_in("bo").get("/"))
    assert "in hand" not in text_of(signed_in("cy").get("/"))
    assert "Quiet for" not in text_of(signed_in("cy").get("/"))


def test_who_was_paged_finds_its_number_and_takes_it(road: Road, world: World, signed_in: SignedIn) -> None:
    Service.objects.update(restricted=True)
    refresh()
    road.event("db", title="zebra-title", fields={"host": "zebra-label"})
    road.look()
    number = road.incident().pk
    said = text_of(signed_in("bo").get(f"/incidents/{number}"))
    assert f"Restricted incident #{number}" in said
    assert "Take it, and you read what it is about" in said
    assert CANARY not in said
    assert CANARY not in text_of(signed_in("bo").get("/"))  # a list is of what one reads
    answer = signed_in("bo").post(f"/incidents/{number}/acknowledge", follow=True)
    assert "zebra-title" in text_of(answer)


def test_the_page_of_a_link_says_what_it_is_about_to_who_may_read_it_alone(
    secret: Incident, signed_in: SignedIn, road: Road
) -> None:
    page = Page.objects.filter(user="bo", incident_id=secret.pk).latest("created_at")
    address = f"/a/{act_token(page.pk, ActVerb.RESOLVE)}"
    for browser in (Client(), signed_in("cy")):
        said = text_of(browser.get(address))
        assert f"Restricted incident #{secret.pk}" in said
        assert CANARY not in said
        assert "Web shop" not in said
    assert "zebra-title" in text_of(signed_in("bo").get(address))


def test_the_page_shuts_names_withdraws_and_opens_again(
    road: Road, world: World, signed_in: SignedIn
) -> None:
    road.event("db", title="zebra-title")
    road.look()
    number = road.incident().pk
    bo, cy = signed_in("bo"), signed_in("cy")
    bo.post(f"/incidents/{number}/acknowledge")
    said = text_of(bo.post(f"/incidents/{number}/restrict", follow=True))
    assert "Restricted" in said
    assert "Let somebody read it" in said
    assert cy.get(f"/incidents/{number}").status_code == 404
    assert "Let them read it" in text_of(bo.get(f"/incidents/{number}/readers"))
    said = text_of(bo.post(f"/incidents/{number}/readers", {"user": "cy"}, follow=True))
    assert "Cy Tran reads #" in said
    assert "Bo Lind let Cy Tran read it" in said
    said = text_of(cy.get(f"/incidents/{number}"))
    assert "zebra-title" in said
    assert "Let somebody read it" not in said  # a reader is not who decides
    assert cy.post(f"/incidents/{number}/readers", {"user": "mo"}).status_code in (403, 422)
    assert cy.post(f"/incidents/{number}/unrestrict").status_code == 403
    said = text_of(bo.post(f"/incidents/{number}/readers/cy/withdraw", follow=True))
    assert "Bo Lind withdrew Cy Tran, who reads it no more" in said
    assert cy.get(f"/incidents/{number}").status_code == 404
    assert "#" in text_of(bo.post(f"/incidents/{number}/readers/bo/withdraw", follow=True))
    assert bo.get(f"/incidents/{number}").status_code == 200  # who has it stays its reader
    bo.post(f"/incidents/{number}/unrestrict")
    assert "zebra-title" in text_of(cy.get(f"/incidents/{number}"))


def test_one_is_opened_restricted_by_hand(world: World, signed_in: SignedIn) -> None:
    form = {"service": "shop", "title": "zebra-title", "urgency": "high", "restricted": "on"}
    answer = signed_in("mo").post("/incidents/new", form, follow=True)
    assert "Mo Haddad may read it, who opened it" in text_of(answer)
    assert Incident.objects.get().restricted
    assert CANARY not in text_of(signed_in("cy").get("/incidents"))


def test_over_the_api_it_is_shut_named_withdrawn_and_opened_again(
    road: Road, world: World, signed_in: SignedIn
) -> None:
    road.event("db", title="zebra-title")
    road.look()
    number = road.incident().pk

    def ask(name: str, verb: str, body: object = None) -> tuple[int, dict[str, Any]]:
        _, plain = add_token(User.objects.get(pk=name), verb, Scope.ACT, None, ADA, road.now)
        answer = Client().post(
            f"/api/v1/incidents/{number}/{verb}",
            json.dumps(body or {}),
            content_type="application/json",
            headers={"Authorization": f"Bearer {plain}"},
        )
        return answer.status_code, answer.json()

    assert ask("bo", "restrict")[1]["incident"]["restricted"] is True
    assert ask("cy", "acknowledge")[0] == ask("cy", "let-read", {"user": "cy"})[0] == 404
    assert ask("bo", "let-read", {"user": "cy"})[0] == 403  # nobody has it: an administrator decides
    assert ask("bo", "acknowledge")[1]["incident"]["title"] == "zebra-title"
    assert ask("bo", "let-read", {"user": "cy"})[1]["changed"] is True
    assert ask("cy", "unrestrict")[0] == 403
    assert ask("bo", "withdraw", {"user": "cy"})[1]["changed"] is True
    assert ask("cy", "notes", {"text": "x"})[0] == 404
    assert ask("bo", "unrestrict")[1]["incident"]["restricted"] is False


def test_who_was_paged_and_too_late_is_told_so_without_its_title(
    road: Road, world: World, signed_in: SignedIn
) -> None:
    Service.objects.update(restricted=True)
    refresh()
    road.event("db", title="zebra-title")
    road.live(minutes=5)  # bo, then cy and the team
    number = road.incident().pk
    acknowledge(number, CY, road.now)
    road.live(minutes=1)
    _, plain = add_token(world.bo, "script", Scope.ACT, None, ADA, road.now)
    answer = Client().post(
        f"/api/v1/incidents/{number}/acknowledge",
        content_type="application/json",
        headers={"Authorization": f"Bearer {plain}"},
    )
    assert answer.status_code == 200
    assert answer.json()["changed"] is False
    assert CANARY not in answer.content.decode()
    said = text_of(signed_in("bo").get(f"/incidents/{number}"))
    assert "Cy Tran has it. Ask them if you need to read it." in said


def test_what_is_restricted_later_is_gone_at_once(road: Road, world: World, signed_in: SignedIn) -> None:
    road.event("db", title="zebra-title")
    road.look()
    number = road.incident().pk
    assert "zebra-title" in text_of(signed_in("cy").get("/"))
    restrict(number, BO, road.now)
    for address in ("/", "/incidents", "/services/shop"):
        assert CANARY not in text_of(signed_in("cy").get(address))
    assert signed_in("cy").get(f"/incidents/{number}").status_code == 404
    unrestrict(number, ADA, road.now)
    assert "zebra-title" in text_of(signed_in("cy").get("/"))
