"""Every address of these pages: who gets in, who does not, and that it renders."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import URLPattern

from tests.web_config.conftest import Reader
from tests.world import World
from tocsin.people.models import User
from tocsin.people.rules import May, Role, may
from tocsin.web import config_urls
from tocsin.web.guard import Open, declared

IDS = {
    "service_id": "shop",
    "policy_id": "web",
    "user_id": "bo",
    "team_id": "web",
    "integration_id": "shop-events",
    "token_id": "1",
    "feed_id": "1",
    "token": "in_unknown",
    "uidb36": "bo",
    "key": "abc-def",
    "contact": "fake",
    "provider_id": "main",
    "kind": "nobody",
    "place_id": "ops",
    "hook_id": "desk",
    "delivery": "00000000-0000-4000-8000-000000000000",
    "uid": "00000000-0000-4000-8000-000000000000",
    "language": "de",
    "name": "fake",
}
SHOWS_BRACES = {"templates", "templates_of", "templates_reset"}  # they are about what is written in them

# Pages that lead on by themselves when there is nothing to show for this person.
ELSEWHERE = {
    "account_set_password",
    "mfa_deactivate_totp",
    "mfa_activate_totp",
    "mfa_view_recovery_codes",
    "mfa_generate_recovery_codes",
    "mfa_download_recovery_codes",
    "mfa_reauthenticate",
    "account_login",
    "mfa_authenticate",
}


def patterns() -> list[URLPattern]:
    return [each for each in config_urls.urlpatterns if isinstance(each, URLPattern)]


def address(pattern: URLPattern) -> str:
    from django.urls import reverse

    names = {name: value for name, value in IDS.items() if name in pattern.pattern.regex.groupindex}
    return reverse(pattern.name or "", kwargs=names)


def role_rows(world: World) -> dict[Role, User]:
    return {
        Role.ADMIN: world.ada,
        Role.MANAGER: world.mo,
        Role.RESPONDER: world.bo,
        Role.STAKEHOLDER: world.sam,
    }


@pytest.mark.parametrize("pattern", patterns(), ids=lambda p: str(p.name))
def test_a_stranger_is_led_to_the_sign_in(reader: Reader, pattern: URLPattern) -> None:
    rule, client = declared(pattern.callback), reader(None)
    assert rule is not None, "every address declares what it needs"
    for answer in (client.get(address(pattern)), client.post(address(pattern))):
        if rule is Open.EVERYBODY:
            assert answer.status_code in (200, 302, 404, 405, 410)
        else:
            assert answer.status_code == 302
            assert answer.headers["Location"].startswith("/sign-in?next=")


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("pattern", patterns(), ids=lambda p: str(p.name))
def test_each_role_gets_exactly_what_the_table_says(
    reader: Reader, world: World, pattern: URLPattern, role: Role
) -> None:
    rule = declared(pattern.callback)
    answer = reader(role_rows(world)[role]).get(address(pattern))
    if isinstance(rule, May) and not may(role, rule):
        assert answer.status_code == 403
    else:
        assert answer.status_code != 403
        assert answer.status_code < 500


@pytest.mark.parametrize("pattern", patterns(), ids=lambda p: str(p.name))
def test_every_page_renders_for_an_admin(ada: Client, pattern: URLPattern) -> None:
    answer = ada.get(address(pattern))
    if answer.status_code == 200:
        text = answer.content.decode()
        assert "{%" not in text
        assert "{{" not in text or pattern.name in SHOWS_BRACES
        assert "style=" not in text and "onclick" not in text, "the policy of contents allows neither"
    elif pattern.name in ELSEWHERE:
        assert answer.status_code in (302, 404)
    else:
        assert answer.status_code in (404, 405, 410)


@pytest.mark.parametrize("pattern", patterns(), ids=lambda p: str(p.name))
def test_looking_changes_nothing(ada: Client, pattern: URLPattern) -> None:
    from tocsin.journal.models import Entry

    before = Entry.objects.count()
    ada.get(address(pattern))
    ada.head(address(pattern))
    assert Entry.objects.count() == before


@pytest.mark.parametrize("pattern", patterns(), ids=lambda p: str(p.name))
def test_a_form_without_its_secret_is_refused(world: World, pattern: URLPattern, reader: Reader) -> None:
    reader(None)
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.ada)
    answer = client.post(address(pattern), {"name": "x"})
    assert answer.status_code in (403, 405)


@pytest.mark.parametrize("pattern", patterns(), ids=lambda p: str(p.name))
def test_what_another_site_sends_is_refused(ada: Client, pattern: URLPattern) -> None:
    answer = ada.post(address(pattern), {"name": "x"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


@pytest.mark.parametrize("pattern", patterns(), ids=lambda p: str(p.name))
def test_private_pages_carry_the_headers(ada: Client, pattern: URLPattern) -> None:
    answer = ada.get(address(pattern))
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe-inline" not in policy and "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in answer.headers["Cache-Control"]
