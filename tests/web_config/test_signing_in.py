"""Coming in: by password, by one-time link, by reset mail, by a second step; and what keeps others out."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.contrib.auth.hashers import MD5PasswordHasher, identify_hasher, make_password
from django.contrib.sessions.models import Session
from django.core import mail
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from tests.web_config.conftest import Reader
from tests.world import PASSWORD, T0, Clock, World
from tocsin.journal.models import Entry
from tocsin.people.actions import make_sign_in_link, save_user
from tocsin.people.models import SignInLink, User
from tocsin.people.saving import UserValue
from tocsin.site import settings as shipped
from tocsin.web.accounts import safe_next, wait_for_mail

WITH_MAIL = {"EMAIL_BACKEND": "django.core.mail.backends.locmem.EmailBackend"}
EVIL = [
    f"{lead}{host}{tail}"
    for lead in (
        "//",
        "///",
        "\\\\",
        "/\\",
        "\\/",
        "https:",
        "http://",
        "https://",
        "javascript:",
        "/\t/",
        " //",
        "//\t",
    )
    for host in ("evil.example", "evil.example/sign-in")
    for tail in ("", "/..")
] + [
    "",
    "evil.example",
    "/..;/",
    "/%2e%2e/nowhere",
    "/services/../../../etc",
    "data:text/html,x",
    "/\x00",
    "/services\r\nSet-Cookie: a=b",
    "/no/such/page",
    "https:evil.example",
    "http:///evil.example",
    "/" * 4 + "evil.example",
    "/services@evil.example",
    "/:80//evil.example",
    "?next=/services",
]


def sign_in(client: Client, who: str = "bo", password: str = PASSWORD, **more: Any) -> Any:
    return client.post("/sign-in", {"login": f"{who}@example.com", "password": password, **more})


def who_is(client: Client) -> str | None:
    return client.session.get("_auth_user_id")


# --- by password ------------------------------------------------------------------------------------------


def test_a_password_opens_the_page_that_was_wanted(reader: Reader) -> None:
    client = reader(None)
    led = client.get("/services/shop")
    assert led.headers["Location"] == "/sign-in?next=/services/shop"
    answer = sign_in(client, next="/services/shop")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/services/shop")
    assert who_is(client) == "bo"


def test_the_session_has_a_new_id_after_signing_in(reader: Reader) -> None:
    client = reader(None)
    client.get("/sign-in")
    session = client.session
    session["planted"] = True
    session.save()
    before = session.session_key
    client.cookies["session"] = before
    sign_in(client)
    assert client.session.session_key != before
    assert not Session.objects.filter(pk=before).exists()


def test_a_wrong_password_and_an_unknown_address_read_the_same(reader: Reader) -> None:
    known = sign_in(reader(None), password="wrong")
    unknown = sign_in(reader(None), who="nobody", password="wrong")
    strip = re.compile(rb'name="csrfmiddlewaretoken" value="[^"]+"|nobody|bo')
    assert known.status_code == unknown.status_code == 200
    assert strip.sub(b"", known.content) == strip.sub(b"", unknown.content)


class Counting(MD5PasswordHasher):
    """Counts what a password hash would cost: `verify` computes one by `encode`, too."""

    algorithm = "counting"
    computed = 0

    def encode(self, password: str, salt: str) -> str:
        Counting.computed += 1
        return super().encode(password, salt)


COUNTED = [f"{__name__}.Counting"]


@pytest.mark.parametrize(
    ("who", "password"),
    [
        ("bo", PASSWORD),
        ("bo", "wrong"),
        ("nobody", "wrong"),
        ("nobody", "x" * 2_000),
        ("invited", "wrong"),
        ("gone", "wrong"),
        ("gone", PASSWORD),
    ],
)
@override_settings(PASSWORD_HASHERS=COUNTED)
def test_every_try_costs_the_hash_of_one_password_whoever_is_named(
    reader: Reader, world: World, who: str, password: str
) -> None:
    world.bo.set_password(PASSWORD)
    world.bo.save()
    User.objects.create(id="invited", name="In", email="invited@example.com", created_at=T0, password="!none")
    gone = User(id="gone", name="Gone", email="gone@example.com", created_at=T0, is_active=False)
    gone.set_password(PASSWORD)
    gone.save()
    client = reader(None)
    Counting.computed = 0
    sign_in(client, who, password)
    assert Counting.computed == 1
    assert (who_is(client) == "bo") == ((who, password) == ("bo", PASSWORD))


@override_settings(PASSWORD_HASHERS=COUNTED)
def test_a_link_costs_the_same_whether_it_is_unknown_used_or_too_old(
    reader: Reader, world: World, clock: Clock
) -> None:
    used, old = (make_sign_in_link(world.bo, clock.now, timedelta(hours=1)) for _ in range(2))
    reader(None).post(f"/sign-in/link/{used}")
    clock.forward(hours=2)
    Counting.computed = 0
    costs = set()
    for link in (used, old, "in_" + "0" * 40):
        for method in ("get", "post"):
            with CaptureQueriesContext(connection) as queries:
                getattr(reader(None), method)(f"/sign-in/link/{link}")
            costs.add((len(queries), Counting.computed))
    assert len(costs) == 1


def test_what_was_typed_stays_but_never_the_password(reader: Reader) -> None:
    text = sign_in(reader(None), password="a wrong guess").content.decode()
    assert 'value="bo@example.com"' in text
    assert "a wrong guess" not in text


def test_guessing_ends_after_five_tries_and_leaves_open_sessions_and_links_alone(
    reader: Reader, world: World, clock: Clock
) -> None:
    inside, guesser = reader(world.bo), reader(None)
    for _ in range(5):
        sign_in(guesser, password="wrong")
    answer = sign_in(guesser)
    assert who_is(guesser) is None
    assert "Too many" in answer.content.decode()
    assert inside.get("/me").status_code == 200
    link = make_sign_in_link(world.bo, clock.now)
    guesser.post(f"/sign-in/link/{link}")
    assert who_is(guesser) == "bo"


def test_a_flood_of_tries_is_answered_in_words(reader: Reader) -> None:
    client = reader(None)
    answers = [client.post("/sign-in", {"login": "", "password": ""}) for _ in range(31)]
    assert answers[-1].status_code == 429
    assert "Wait a minute" in answers[-1].content.decode()
    assert "Content-Security-Policy" in answers[-1].headers


def test_nobody_signs_up(reader: Reader) -> None:
    assert reader(None).get("/sign-up").status_code == 404
    assert reader(None).get("/accounts/signup/").status_code == 404


def test_somebody_switched_off_is_told_so_only_with_the_right_password(
    reader: Reader, world: World, clock: Clock
) -> None:
    User.objects.filter(pk="bo").update(is_active=False)
    client = reader(None)
    assert sign_in(client, password="wrong").status_code == 200
    assert sign_in(client).headers["Location"] == "/sign-in/inactive"
    assert who_is(client) is None


def test_passwords_are_kept_as_argon2id_and_short_or_common_ones_refused(
    reader: Reader, world: World
) -> None:
    with override_settings(PASSWORD_HASHERS=shipped.PASSWORD_HASHERS):
        assert identify_hasher(make_password("x")).algorithm == "argon2"
        assert make_password("x").startswith("argon2$argon2id$")
    client = reader(world.bo)
    for new in ("short", "password1234", "bo@example.com"):
        answer = client.post("/me/password", {"oldpassword": PASSWORD, "password1": new, "password2": new})
        assert answer.status_code == 200
        assert "error" in answer.content.decode()


# --- by a one-time link -----------------------------------------------------------------------------------


def test_a_link_looked_at_by_scanners_still_signs_in_once(reader: Reader, world: World, clock: Clock) -> None:
    link = f"/sign-in/link/{make_sign_in_link(world.bo, clock.now)}"
    for _ in range(50):
        assert reader(None).get(link).status_code == 200
        assert reader(None).head(link).status_code == 200
    client, second = reader(None), reader(None)
    assert "Hello, Bo Lind" in client.get(link).content.decode()
    client.post(link)
    assert who_is(client) == "bo"
    assert second.post(link).status_code == 410
    assert who_is(second) is None
    assert "has been used" in second.get(link).content.decode()


def test_an_old_link_says_so_and_does_nothing(reader: Reader, world: World, clock: Clock) -> None:
    link = f"/sign-in/link/{make_sign_in_link(world.bo, clock.now)}"
    clock.forward(hours=25)
    client = reader(None)
    assert "has expired" in client.get(link).content.decode()
    assert client.post(link).status_code == 410
    assert who_is(client) is None


def test_who_has_no_password_is_offered_to_set_one_and_goes_on(
    reader: Reader, world: World, clock: Clock
) -> None:
    world.bo.set_unusable_password()
    world.bo.save()
    link = make_sign_in_link(world.bo, clock.now)
    client = reader(None)
    answer = client.post(f"/sign-in/link/{link}", {"next": "/services"})
    assert answer.headers["Location"] == "/me/password/first?next=%2Fservices"
    page = client.get(answer.headers["Location"]).content.decode()
    assert "Not now" in page
    new = "seven brown owls at noon"
    answer = client.post("/me/password/first", {"password1": new, "password2": new, "next": "/services"})
    assert answer.headers["Location"] == "/services"
    assert client.get("/services").status_code == 200, "the session that set it goes on"
    other = reader(None)
    sign_in(other, password=new)
    assert who_is(other) == "bo"


def test_a_link_in_the_table_opens_nothing(world: World, clock: Clock) -> None:
    plain = make_sign_in_link(world.bo, clock.now)
    row = SignInLink.objects.get()
    assert plain not in str(vars(row))


def test_a_link_of_somebody_switched_off_is_dead(
    reader: Reader, world: World, clock: Clock, ada: Client
) -> None:
    link = make_sign_in_link(world.bo, clock.now)
    ada.post("/people/bo/switch", {"active": "no"})
    assert reader(None).get(f"/sign-in/link/{link}").status_code in (404, 410)


# --- by mail ----------------------------------------------------------------------------------------------


@override_settings(EMAIL_BACKEND="django.core.mail.backends.dummy.EmailBackend")
def test_without_a_mail_server_the_page_says_whom_to_ask(reader: Reader) -> None:
    text = reader(None).get("/sign-in/reset").content.decode()
    assert "Ask an administrator" in text
    assert "<form" not in text


def test_account_mail_is_in_the_language_of_whom_it_is_for(reader: Reader, world: World) -> None:
    User.objects.filter(pk="mo").update(language="de")
    reader(None).post("/sign-in/reset", {"email": User.objects.get(pk="mo").email})
    wait_for_mail()
    (message,) = mail.outbox
    assert message.subject == "Ein neues Passwort für Tocsin setzen"
    assert message.body.startswith("Setze ein neues Passwort:")
    assert message.extra_headers["Content-Language"] == "de"
    assert message.extra_headers["Auto-Submitted"] == "auto-generated"


def reset_address() -> str:
    wait_for_mail()
    (message,) = mail.outbox
    assert message.to == ["mo-2@example.com"]
    found = re.search(r"https?://\S+", message.body)
    assert found
    address = found.group()
    assert address.startswith(shipped.CONFIG.url), "never the address that a request claimed"
    return address.removeprefix(shipped.CONFIG.url)


@override_settings(**WITH_MAIL)
def test_a_reset_link_sets_a_password_once_and_ends_sessions(
    reader: Reader, world: World, clock: Clock
) -> None:
    user = User.objects.create(id="mo-two-2", name="Mo", email="mo-2@example.com", created_at=clock.now)
    inside, client = reader(user), reader(None)
    client.post("/sign-in/reset", {"email": "mo-2@example.com"}, headers={"Host": "evil.example"})
    address = reset_address()
    shown = client.get(address)
    assert shown.status_code == 302, "the key leaves the address before anything is loaded"
    form = shown.headers["Location"]
    new = "seven brown owls at noon"
    assert client.post(form, {"password1": new, "password2": "other"}).status_code == 200
    done = client.post(form, {"password1": new, "password2": new})
    assert done.headers["Location"] == "/sign-in/reset/done"
    user.refresh_from_db()
    assert user.check_password(new)
    assert inside.get("/me").status_code == 302, "signed out everywhere"
    assert "does not work any more" in client.get(address).content.decode()
    assert Entry.objects.filter(kind="access.password_changed", data__user=user.pk).exists()


@override_settings(**WITH_MAIL)
def test_asking_for_an_unknown_address_answers_the_same_and_mails_nobody(
    reader: Reader, world: World
) -> None:
    client = reader(None)
    unknown = client.post("/sign-in/reset", {"email": "stranger@example.com"})
    known = client.post("/sign-in/reset", {"email": "bo@example.com"})
    assert (unknown.status_code, unknown.headers["Location"]) == (
        known.status_code,
        known.headers["Location"],
    )
    wait_for_mail()
    assert [message.to for message in mail.outbox] == [["bo@example.com"]]


# --- the second step --------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _one_half_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes are of a half minute: no test may begin in one and end in the next."""
    counters = list(totp.yield_hotp_counters_from_time())
    monkeypatch.setattr(totp, "yield_hotp_counters_from_time", lambda: iter(counters))


def code_of(secret: str) -> str:
    counter = next(iter(totp.yield_hotp_counters_from_time()))
    return format_hotp_value(hotp_value(secret, counter))


def test_a_second_step_is_asked_for_and_its_seed_lies_sealed(reader: Reader, world: World) -> None:
    secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    TOTP.activate(world.bo, secret)
    stored = Authenticator.objects.get(user=world.bo)
    assert secret not in str(stored.data)
    client = reader(None)
    assert sign_in(client).headers["Location"] == "/sign-in/code"
    assert who_is(client) is None
    assert client.post("/sign-in/code", {"code": "000000"}).status_code == 200
    assert client.get("/me").status_code == 302
    client.post("/sign-in/code", {"code": code_of(secret)})
    assert who_is(client) == "bo"


def test_a_one_time_link_does_not_jump_over_the_second_step(
    reader: Reader, world: World, clock: Clock
) -> None:
    TOTP.activate(world.bo, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    client = reader(None)
    answer = client.post(f"/sign-in/link/{make_sign_in_link(world.bo, clock.now)}")
    assert answer.headers["Location"] == "/sign-in/code"
    assert who_is(client) is None


def test_turning_it_on_asks_for_the_password_again_and_gives_recovery_codes(
    reader: Reader, django_capture_on_commit_callbacks: Any
) -> None:
    client = reader(None)
    sign_in(client)
    again = client.get("/me/two-factor/on")
    assert again.headers["Location"].startswith("/sign-in/again")
    client.post(again.headers["Location"], {"password": PASSWORD})
    page = client.get("/me/two-factor/on")
    secret = page.context["form"].secret
    assert secret in page.content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post("/me/two-factor/on", {"code": code_of(secret)})
    assert answer.headers["Location"] == "/me/two-factor/codes"
    assert client.get("/me/two-factor/codes").status_code == 200
    assert Entry.objects.filter(kind="access.two_factor_on", who="user:bo").exists()
    assert client.get("/me/two-factor").status_code == 200
    assert client.get("/me/two-factor/off").status_code == 200
    assert client.get("/me/two-factor/codes/new").status_code == 200
    download = client.get("/me/two-factor/codes/file")
    assert download.headers["Content-Type"].startswith("text/plain")


@override_settings(**WITH_MAIL)
def test_an_admin_takes_a_lost_second_step_away_and_the_person_is_told(
    reader: Reader, world: World, ada: Client
) -> None:
    TOTP.activate(world.bo, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    ada.post("/people/bo/two-factor")
    assert not Authenticator.objects.filter(user=world.bo).exists()
    entry = Entry.objects.get(kind="access.two_factor_removed")
    assert (entry.who, entry.data["user"]) == ("user:ada", "bo")
    wait_for_mail()
    (message,) = mail.outbox
    assert (message.to, message.subject) == (["bo@example.com"], "Two-factor sign-in to Tocsin is off")
    assert "127.0.0.1" in message.body


# --- sessions ---------------------------------------------------------------------------------------------


def test_cookies_are_bound_to_the_host_when_there_is_tls() -> None:
    import os
    import subprocess
    import sys

    names = ("SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE")
    program = f"from tocsin.site import settings as s; print([getattr(s, n) for n in {names!r}])"
    environ = os.environ | {"TOCSIN_URL": "https://tocsin.example.com"}
    shown = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "['__Host-session', '__Host-csrf', True, True]"


def test_the_session_cookie_is_for_the_server_only(reader: Reader) -> None:
    client = reader(None)
    cookie = sign_in(client).cookies["session"]
    assert (
        cookie["httponly"] and cookie["samesite"] == "Lax" and cookie["path"] == "/" and not cookie["domain"]
    )


def test_a_session_left_alone_ends_after_twelve_hours(reader: Reader, clock: Clock) -> None:
    client = reader(None)
    sign_in(client)
    for _ in range(3):
        clock.forward(hours=11, minutes=59)
        assert client.get("/me").status_code == 200
    clock.forward(hours=12)
    assert client.get("/me").status_code == 302


def test_a_session_in_use_ends_after_fourteen_days(reader: Reader, clock: Clock) -> None:
    client = reader(None)
    sign_in(client)
    for _ in range(14 * 3 - 1):
        clock.forward(hours=8)
        assert client.get("/me").status_code == 200
    clock.forward(hours=8)
    assert client.get("/me").status_code == 302


@pytest.mark.parametrize("what", ["role", "active", "password"])
def test_a_change_of_access_ends_every_other_session(
    reader: Reader, world: World, clock: Clock, ada: Client, what: str
) -> None:
    stolen = reader(None)
    sign_in(stolen)
    assert stolen.get("/me").status_code == 200
    if what == "password":
        own = reader(None)
        sign_in(own)
        new = "seven brown owls at noon"
        own.post("/me/password", {"oldpassword": PASSWORD, "password1": new, "password2": new})
        assert own.get("/me").status_code == 200
    elif what == "role":
        form = {"name": "Bo Lind", "email": "bo@example.com", "timezone": "UTC", "role": "stakeholder"}
        assert ada.post("/people/bo/edit", form).status_code == 302
    else:
        ada.post("/people/bo/switch", {"active": "no"})
    assert stolen.get("/me").status_code == 302


@pytest.mark.parametrize("what", ["active", "role"])
def test_a_cookie_from_before_stays_worthless_when_the_access_is_given_back(
    reader: Reader, ada: Client, what: str
) -> None:
    stolen = reader(None)
    sign_in(stolen)
    person = {"name": "Bo Lind", "email": "bo@example.com", "timezone": "UTC"}
    if what == "active":
        ada.post("/people/bo/switch", {"active": "no"})
        ada.post("/people/bo/switch", {"active": "yes"})
    else:
        for role in ("stakeholder", "responder"):
            assert ada.post("/people/bo/edit", {**person, "role": role}).status_code == 302
    assert stolen.get("/me").status_code == 302
    again = reader(None)
    sign_in(again)
    assert again.get("/me").status_code == 200


@pytest.mark.parametrize("who", ["themselves", "an administrator"])
def test_signing_out_everywhere_ends_sessions_that_no_list_shows(
    reader: Reader, ada: Client, who: str
) -> None:
    from allauth.usersessions.models import UserSession

    stolen, own = reader(None), reader(None)
    sign_in(stolen)
    sign_in(own)
    UserSession.objects.all().delete()
    if who == "themselves":
        said = own.post("/me/sessions/end", {"session": "others"}, follow=True).content.decode()
        assert "You are signed out everywhere else." in said
        assert own.get("/me").status_code == 200, "the session that did it goes on"
    else:
        ada.post("/people/bo/sign-out")
        assert own.get("/me").status_code == 302
    assert stolen.get("/me").status_code == 302
    assert Entry.objects.filter(kind="access.sessions_ended", data__user="bo").count() == 1


def test_the_profile_offers_to_sign_out_everywhere_else(reader: Reader) -> None:
    client = reader(None)
    sign_in(client)
    assert "Sign out everywhere else" in client.get("/me/sessions").content.decode()


def test_a_cookie_is_worth_nothing_after_signing_out(reader: Reader) -> None:
    client = reader(None)
    sign_in(client)
    stolen = client.cookies["session"].value
    client.post("/sign-out")
    thief = reader(None)
    thief.cookies["session"] = stolen
    assert thief.get("/me").status_code == 302


def test_sessions_are_listed_and_ended_one_by_one(reader: Reader) -> None:
    here, there = reader(None), reader(None)
    sign_in(here)
    sign_in(there)
    text = here.get("/me/sessions").content.decode()
    assert "this one" in text
    (other,) = re.findall(r'name="session" value="(\d+)"', text)
    here.post("/me/sessions/end", {"session": other})
    assert there.get("/me").status_code == 302
    assert here.get("/me").status_code == 200


def test_sessions_that_are_over_are_forgotten_at_the_next_sign_in(reader: Reader, clock: Clock) -> None:
    sign_in(reader(None), "bo")
    old = Session.objects.get().pk
    Session.objects.update(expire_date=clock.now)
    sign_in(reader(None), "cy")
    assert not Session.objects.filter(pk=old).exists()
    assert Session.objects.count() == 1


def test_nobody_ends_another_persons_session(reader: Reader) -> None:
    from allauth.usersessions.models import UserSession

    bo, cy = reader(None), reader(None)
    sign_in(bo, "bo")
    sign_in(cy, "cy")
    row = UserSession.objects.get(user_id="bo")
    cy.post("/me/sessions/end", {"session": str(row.pk)})
    assert bo.get("/me").status_code == 200


def test_coming_in_and_going_out_stand_in_the_audit_log(reader: Reader) -> None:
    client = reader(None)
    sign_in(client)
    client.post("/sign-out")
    kinds = [entry.kind for entry in Entry.objects.filter(who="user:bo").order_by("seq")]
    assert kinds == ["access.signed_in", "access.signed_out"]


# --- where to go next -------------------------------------------------------------------------------------


@pytest.mark.parametrize("evil", EVIL)
def test_signing_in_never_leads_elsewhere(reader: Reader, evil: str) -> None:
    assert safe_next(evil) is None
    client = reader(None)
    answer = sign_in(client, next=evil)
    assert answer.headers["Location"] == "/"


def test_there_are_sixty_ways_to_lead_elsewhere() -> None:
    assert len(set(EVIL)) >= 60
    assert timedelta(hours=1).total_seconds() == shipped.PASSWORD_RESET_TIMEOUT


def test_a_path_of_ours_is_followed() -> None:
    assert safe_next("/services/shop?x=1#top") == "/services/shop?x=1#top"


def test_addresses_are_kept_in_small_letters_so_that_everybody_can_sign_in(
    reader: Reader, world: World, clock: Clock
) -> None:
    from tocsin.kernel.acting import by_user

    user = save_user("zoe", UserValue("Zoe", "Zoe.Q@Example.com"), by_user("ada", "web"), clock.now)
    user.set_password(PASSWORD)
    user.save()
    client = reader(None)
    client.post("/sign-in", {"login": "zoe.q@example.com", "password": PASSWORD})
    assert who_is(client) == "zoe"
