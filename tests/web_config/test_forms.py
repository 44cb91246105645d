"""The forms of the day: what is typed stays, what is wrong stands beside its field, what is sent twice is one."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.test import Client

from tests.web_config.conftest import Reader
from tests.world import Clock, World
from tocsin.catalog.actions import reveal_key, save_integration
from tocsin.catalog.models import Integration, Organisation, Service
from tocsin.escalation.models import Policy
from tocsin.journal.actions import ORGANISATION, Fact, write
from tocsin.journal.models import Entry
from tocsin.kernel.acting import ENGINE, By, by_user
from tocsin.kernel.ids import digest
from tocsin.notification.models import Delivery, Rule
from tocsin.people.models import Contact, Team, Token, User

SERVICE = {
    "name": "Search",
    "description": "Finds products",
    "tier": "2",
    "urgency": "severity",
    "grouping": "each",
    "group_window": "10m",
    "ack_timeout": "30m",
}
POLICY = {
    "name": "Night",
    "repeat": "1",
    "levels": "1",
    "level-0-notify": ["user:bo"],
    "level-0-timeout": "5m",
}


def errors(answer: Any) -> str:
    """What the page says is wrong, in one text."""
    found = re.findall(r'class="error"[^>]*>([^<]+)<', answer.content.decode())
    return " | ".join([*found, *re.findall(r'error-summary"[^>]*><p>([^<]+)<', answer.content.decode())])


# --- services ---------------------------------------------------------------------------------------------


def test_a_service_is_made_and_its_id_comes_from_its_name(ada: Client) -> None:
    answer = ada.post(
        "/new/service", SERVICE | {"team": "web", "policy": "web", "grouping": "some", "group_by": "a, b"}
    )
    assert answer.headers["Location"] == "/services/search"
    row = Service.objects.get(pk="search")
    assert (row.tier, row.team_id, row.policy, row.group_by) == (2, "web", "web", ["a", "b"])
    assert "Connect what sends" in ada.get("/services/search").content.decode()


def test_a_form_sent_twice_makes_one_service_and_never_overwrites(ada: Client) -> None:
    ada.post("/new/service", SERVICE)
    again = ada.post("/new/service", SERVICE | {"description": "another"})
    assert again.status_code == 422
    assert "is a service with this id already" in errors(again) or "with this id already" in errors(again)
    assert Service.objects.get(pk="search").description == "Finds products"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"name": ""}, "required"),
        ({"ack_timeout": "soon"}, "is not a duration"),
        ({"grouping": "some", "group_by": " , "}, "Name at least one field"),
        ({"grouping": "all", "group_window": ""}, "Say how close"),
        ({"group_window": "400d"}, "too long"),
        ({"id": "Not An Id"}, "valid"),
        ({"id": "UPPER"}, "cannot be an id"),
        ({"tier": "9"}, "valid choice"),
        ({"policy": "gone"}, "valid choice"),
        ({"name": "…"}, "cannot be an id"),
    ],
)
def test_what_is_wrong_with_a_service_is_said_and_the_rest_stays(
    ada: Client, typed: dict[str, str], said: str
) -> None:
    answer = ada.post("/new/service", SERVICE | typed)
    assert answer.status_code == 422
    assert said in errors(answer)
    assert "Finds products" in answer.content.decode()
    assert Service.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_browsers_at_the_same_moment_make_one(
    transactional_db: None, world: World, reader: Reader
) -> None:
    both, answers = threading.Barrier(2), []

    def press(browser: Client) -> None:
        try:
            both.wait(60)
            answers.append(browser.post("/new/service", SERVICE).status_code)
            both.wait(60)
            answers.append(browser.post("/new/policy", POLICY | {"do": "save"}).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=press, args=(reader(world.ada),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [302, 302, 422, 422]
    assert Service.objects.filter(pk="search").count() == Policy.objects.filter(pk="night").count() == 1


def test_a_service_is_changed_and_the_change_is_written_down(ada: Client) -> None:
    page = ada.get("/services/shop/edit").content.decode()
    assert 'value="30m"' in page
    assert (
        ada.post("/services/shop/edit", SERVICE | {"name": "Web shop", "ack_timeout": ""}).status_code == 302
    )
    assert Service.objects.get(pk="shop").ack_timeout is None
    assert Entry.objects.get(kind="service.saved").who == "user:ada"


def test_a_service_with_a_past_stays(ada: Client, world: World, clock: Clock) -> None:
    from tocsin.incident.actions import open_incident

    open_incident("shop", "It burns", by=by_user("bo", "web"), now=clock.now)
    assert "cannot be deleted" in ada.get("/services/shop/delete").content.decode()
    assert ada.post("/services/shop/delete").status_code == 409
    assert Service.objects.filter(pk="shop").exists()


def test_before_a_service_goes_it_is_said_what_is_expected_of_it(ada: Client) -> None:
    expected = [{"at": "2026-12-25T03:00Z", "service": "shop"}]
    Organisation.objects.update(expectations=expected)
    assert "1 expectation." in ada.get("/services/shop/delete").content.decode()
    ada.post("/services/shop/delete")
    assert Organisation.objects.get().expectations == []


def test_markup_in_names_is_text(ada: Client) -> None:
    nasty = "<script>alert(1)</script>{{ 7 }}"
    ada.post("/new/service", SERVICE | {"name": nasty, "id": "nasty", "description": nasty})
    for address in ("/services", "/services/nasty", "/services/nasty/edit"):
        text = ada.get(address).content.decode()
        assert "<script>alert" not in text
        assert "&lt;script&gt;" in text


# --- integrations -----------------------------------------------------------------------------------------


def test_a_sender_is_connected_with_its_real_key_in_the_lines(ada: Client) -> None:
    form = {"name": "Prometheus eu", "type": "alertmanager"}
    answer = ada.post("/services/shop/connect", form)
    assert answer.headers["Location"] == "/integrations/prometheus-eu"
    row = Integration.objects.get(pk="prometheus-eu")
    text = ada.get("/integrations/prometheus-eu").content.decode()
    key = reveal_key(row)
    assert f"http://127.0.0.1:8000/hooks/{key}/alertmanager" in text
    assert f"credentials: {key}" in text
    assert "routing_key" in text, "the other ways in stand there too"
    assert "/test-alert" in text or "Send a test" in text


def test_a_sender_connected_twice_is_one(ada: Client) -> None:
    form = {"name": "Prometheus eu", "type": "alertmanager"}
    ada.post("/services/shop/connect", form)
    key = reveal_key(Integration.objects.get(pk="prometheus-eu"))
    assert ada.post("/services/shop/connect", form).status_code == 422
    assert reveal_key(Integration.objects.get(pk="prometheus-eu")) == key


def test_a_key_is_renewed_only_by_pressing_the_button(ada: Client, world: World, clock: Clock) -> None:
    _, old = save_integration("new", "shop", "events", "New", None, by_user("ada", "web"), clock.now)
    ada.get("/integrations/new/key")
    assert Integration.objects.get(pk="new").key_digest == digest(old or "")
    ada.post("/integrations/new/key")
    assert reveal_key(Integration.objects.get(pk="new")) != old
    assert old not in str(list(Entry.objects.values_list("data", flat=True)))


def test_a_sender_is_switched_off_and_on(ada: Client) -> None:
    ada.post("/integrations/shop-events/switch", {"enabled": "no"})
    assert not Integration.objects.get(pk="shop-events").enabled
    assert "switched off" in ada.get("/integrations/shop-events").content.decode()
    ada.post("/integrations/shop-events/switch", {"enabled": "yes"})
    assert Integration.objects.get(pk="shop-events").enabled


def test_responders_see_no_key(reader: Reader, world: World) -> None:
    client = reader(world.bo)
    assert client.get("/integrations/shop-events").status_code == 403
    text = client.get("/integrations").content.decode()
    assert "Shop events" in text
    assert 'href="/integrations/shop-events"' not in text


def test_a_key_that_cannot_be_shown_says_why(ada: Client) -> None:
    text = ada.get("/integrations/shop-events").content.decode()
    assert "cannot be shown" in text and "TOCSIN_SECRET_KEY" in text


# --- policies ---------------------------------------------------------------------------------------------


def test_a_policy_is_drawn_as_its_ladder(ada: Client) -> None:
    text = re.sub(r"<[^>]+>|\s+", " ", ada.get("/policies/web").content.decode())
    text = re.sub(r" +", " ", text)
    assert "at once → Bo Lind" in text
    assert "after 5 min → Cy Tran and team Web" in text
    assert "that is now Cy Tran and Bo Lind" in text
    assert "after 10 min → again from the top, once" in text
    assert "then → the fallback: Ada Ortiz" in text
    assert "30 min after the incident opened" in text


def test_a_level_with_nobody_on_it_is_said_to_be_passed_over(ada: Client, world: World) -> None:
    User.objects.filter(pk="bo").update(is_active=False)
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", ada.get("/policies/web").content.decode()))
    assert "Nobody is on this level now" in text
    assert "at once → Cy Tran" in text, "the next level is paged at once then"


def test_levels_are_added_moved_and_removed_without_losing_what_was_typed(ada: Client) -> None:
    page = ada.post("/new/policy", POLICY | {"do": "level", "name": "My name"})
    assert page.status_code == 200
    assert 'name="levels" value="2"' in page.content.decode()
    assert 'value="My name"' in page.content.decode()
    two = POLICY | {"levels": "2", "level-1-new": "team:web", "level-1-timeout": "9m", "do": "up:1"}
    moved = ada.post("/new/policy", two).context["form"].levels
    assert [(each.notify, each.timeout) for each in moved] == [(["team:web"], "9m"), (["user:bo"], "5m")]
    gone = ada.post("/new/policy", two | {"do": "remove:0"}).context["form"].levels
    assert [each.notify for each in gone] == [["team:web"]]
    off = ada.post("/new/policy", two | {"do": "without:0:user:bo"}).context["form"].levels
    assert off[0].notify == []
    assert not Policy.objects.filter(name="My name").exists()


def test_a_policy_is_saved_with_who_was_chosen_but_not_yet_added(ada: Client) -> None:
    answer = ada.post("/new/policy", POLICY | {"level-0-new": "team:web", "do": "save"})
    assert answer.headers["Location"] == "/policies/night"
    row = Policy.objects.get(pk="night")
    assert row.levels == [{"notify": ["user:bo", "team:web"], "timeout": "5m"}]
    assert ada.post("/new/policy", POLICY | {"do": "save"}).status_code == 422, "sent twice, made once"
    assert Policy.objects.get(pk="night").levels == row.levels


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"level-0-timeout": "5 minutes"}, "is not a duration"),
        ({"level-0-timeout": "0s"}, "between"),
        ({"level-0-notify": []}, "Nobody is on this level"),
        ({"level-0-notify": ["user:ghost"]}, "No user"),
        ({"level-0-notify": ["schedule:web"]}, "No schedule"),
        ({"level-0-notify": ["nonsense"]}, "is not somebody to notify"),
        ({"levels": "0"}, "no level"),
        ({"repeat": "-1"}, "greater than or equal"),
        ({"repeat": "999"}, "less than or equal"),
    ],
)
def test_what_is_wrong_with_a_policy_is_said(ada: Client, typed: dict[str, Any], said: str) -> None:
    answer = ada.post("/new/policy", POLICY | typed | {"do": "save"})
    assert answer.status_code == 422
    assert said in errors(answer)
    assert not Policy.objects.filter(pk="night").exists()


def test_everything_that_is_wrong_with_a_policy_is_said_at_once(ada: Client) -> None:
    said = errors(ada.post("/new/policy", POLICY | {"name": "", "level-0-timeout": "soon", "do": "save"}))
    assert "required" in said and "is not a duration" in said


@pytest.mark.parametrize(
    "do", ["up:99", "down:-1", "remove:x", "without:0", "with:0", "up:", "level:3:3", "nonsense"]
)
def test_a_button_that_does_not_fit_breaks_nothing(ada: Client, do: str) -> None:
    assert ada.post("/new/policy", POLICY | {"do": do}).status_code in (200, 302, 422)


def test_a_policy_in_use_stays(ada: Client) -> None:
    assert "cannot be deleted" in ada.get("/policies/web/delete").content.decode()
    assert ada.post("/policies/web/delete").status_code == 409


# --- people and teams -------------------------------------------------------------------------------------

PERSON = {"name": "Zoe Quint", "email": "zoe@example.com", "timezone": "Europe/Madrid", "role": "responder"}


def test_a_person_is_added_with_a_link_that_is_shown_once(ada: Client, reader: Reader) -> None:
    answer = ada.post("/new/person", PERSON)
    address = re.search(r"http://127\.0\.0\.1:8000(/sign-in/link/in_\w+)", answer.content.decode())
    assert answer.status_code == 200 and address
    assert "no-store" in answer.headers["Cache-Control"]
    assert address.group(1) not in ada.get("/people/zoe-quint").content.decode()
    own = reader(None)
    own.post(address.group(1))
    assert own.get("/me").status_code == 200
    assert not User.objects.get(pk="zoe-quint").has_usable_password(), "there is no password nobody chose"
    again = ada.post("/new/person", PERSON)
    assert again.status_code == 422
    assert User.objects.filter(name="Zoe Quint").count() == 1


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"email": "bo@example.com"}, "Somebody else has the address"),
        ({"email": "nobody"}, "valid email"),
        ({"timezone": "Mars/Olympus"}, "is not a time zone"),
        ({"role": "emperor"}, "valid choice"),
    ],
)
def test_what_is_wrong_with_a_person_is_said(ada: Client, typed: dict[str, str], said: str) -> None:
    answer = ada.post("/new/person", PERSON | typed)
    assert answer.status_code == 422
    assert said in errors(answer)
    assert not User.objects.filter(name="Zoe Quint").exists()


def test_the_last_admin_keeps_the_role_and_stays_on(ada: Client) -> None:
    form = {"name": "Ada Ortiz", "email": "ada@example.com", "timezone": "UTC", "role": "responder"}
    answer = ada.post("/people/ada/edit", form)
    assert answer.status_code == 422
    assert "nobody who may administer" in errors(answer)
    ada.post("/people/ada/switch", {"active": "no"})
    assert "nobody who may administer" in ada.get("/people/ada").content.decode()
    assert User.objects.get(pk="ada").is_active


def test_the_table_of_roles_stands_under_the_people(reader: Reader, world: World) -> None:
    text = reader(world.sam).get("/people").content.decode()
    assert "acknowledge, resolve, escalate, note" in text


def test_addresses_of_others_are_masked(reader: Reader, world: World, ada: Client) -> None:
    Contact.objects.create(
        user=world.bo, name="mail", address="mailto:bo.private@example.com", vouched_by="engine"
    )
    Contact.objects.create(user=world.bo, name="hook", address="https://hooks.example.com/secret")
    seen = reader(world.cy).get("/people/bo").content.decode()
    assert "bo.private" not in seen and "secret" not in seen
    assert "mailto:b…@example.com" in seen
    assert "bo.private" in ada.get("/people/bo").content.decode()


def test_a_team_keeps_the_order_of_its_members(ada: Client) -> None:
    answer = ada.post("/teams/web/edit", {"name": "Web", "members": ["ada", "cy", "bo"], "lead": "cy"})
    assert answer.status_code == 302
    team = Team.objects.get(pk="web")
    order = [each.user_id for each in team.memberships.order_by("position")]
    assert (order, team.lead_id) == (["bo", "cy", "ada"], "cy")
    wrong = ada.post("/teams/web/edit", {"name": "Web", "members": ["bo"], "lead": "cy"})
    assert "not a member" in errors(wrong)


def test_a_team_that_a_policy_names_stays(ada: Client) -> None:
    assert "cannot be deleted" in ada.get("/teams/web/delete").content.decode()
    assert ada.post("/teams/web/delete").status_code == 409
    ada.post("/new/team", {"name": "Spare"})
    assert ada.post("/teams/spare/delete").status_code == 302
    assert not Team.objects.filter(pk="spare").exists()


# --- how I am reached -------------------------------------------------------------------------------------


def test_contacts_are_added_checked_and_saved_together(ada: Client) -> None:
    page = ada.post("/me/contacts", {"name": ["fake"], "address": ["fake:ada"], "do": "add"})
    assert page.status_code == 200
    assert len(page.context["draft"].rows) == 2
    wrong = ada.post("/me/contacts", {"name": ["fake", "pigeon"], "address": ["fake:ada", "pigeon:coop"]})
    assert wrong.status_code == 422
    assert "Nothing is known that delivers" in errors(wrong)
    assert "pigeon:coop" in wrong.content.decode()
    assert Contact.objects.filter(user_id="ada").count() == 1
    done = ada.post("/me/contacts", {"name": ["fake", ""], "address": ["fake:ada", "fake:second"]})
    assert done.headers["Location"] == "/me#contacts"
    names = Contact.objects.filter(user_id="ada").values_list("name", "address")
    assert sorted(names) == [("fake", "fake:ada"), ("fake-2", "fake:second")]


def test_rules_are_changed_and_hold(ada: Client) -> None:
    steps = {
        "high-contact": ["fake", "fake"],
        "high-delay": ["0s", "2m"],
        "low-contact": ["fake"],
        "low-delay": ["1h"],
    }
    moved = ada.post("/me/rules", steps | {"do": "down:high:0"})
    assert [each.delay for each in moved.context["sections"][0][1]] == ["2m", "0s"]
    wrong = ada.post("/me/rules", steps | {"high-delay": ["0s", "later"]})
    assert wrong.status_code == 422
    assert "is not a duration" in errors(wrong)
    assert ada.post("/me/rules", steps | {"do": "save"}).headers["Location"] == "/me"
    rows = Rule.objects.filter(user_id="ada").order_by("urgency", "position").values_list("urgency", "delay")
    assert list(rows) == [("high", timedelta(0)), ("high", timedelta(minutes=2)), ("low", timedelta(hours=1))]


def test_my_quiet_hours_are_said_and_changed(ada: Client) -> None:
    assert ada.post("/me/quiet", {"when": "hours", "begins": "22:00", "ends": ""}).status_code == 422
    ada.post("/me/quiet", {"when": "hours", "begins": "22:00", "ends": "07:00"})
    assert "Quiet 22:00 to 07:00" in ada.get("/me").content.decode()
    ada.post("/people/bo/quiet", {"when": "hours", "begins": "20:00", "ends": "08:00"})
    assert "Quiet 20:00 to 08:00" in ada.get("/people/bo").content.decode()
    ada.post("/me/quiet", {"when": "never"})
    assert "Quiet" not in ada.get("/me").content.decode().partition("Quiet hours</a>")[2]


def test_my_rules_are_tested_now(ada: Client) -> None:
    ada.post("/me/test")
    (delivery,) = Delivery.objects.all()
    assert (delivery.address, delivery.incident_id) == ("fake:ada", None)
    entry = Entry.objects.get(kind="contacts.tested")
    assert (entry.who, entry.data) == ("user:ada", {"user": "ada", "deliveries": 1})


def test_nobody_changes_anothers_contacts_without_the_right(reader: Reader, world: World) -> None:
    client = reader(world.mo)
    assert client.post("/people/bo/contacts", {"name": ["x"], "address": ["fake:mo"]}).status_code == 403
    assert client.post("/people/bo/rules", {}).status_code == 403
    assert Contact.objects.get(user_id="bo").address == "fake:bo"


def test_a_role_cannot_be_taken_by_changing_ones_own_name(reader: Reader, world: World) -> None:
    client = reader(world.bo)
    form = {"name": "Bo L.", "timezone": "UTC", "role": "admin", "email": "x@example.com"}
    assert client.post("/me/name", form).status_code == 302
    bo = User.objects.get(pk="bo")
    assert (bo.name, bo.role, bo.email) == ("Bo L.", "responder", "bo@example.com")


def test_webhook_secrets_are_shown_to_their_owner(ada: Client, world: World) -> None:
    Contact.objects.create(user=world.ada, name="hook", address="https://example.com/ada", vouched_by="cli")
    assert re.search(r'class="secret wrap">[0-9a-f]{64}<', ada.get("/me/signing").content.decode())


# --- tokens -----------------------------------------------------------------------------------------------


def test_a_token_is_shown_once_and_only_its_print_is_kept(ada: Client) -> None:
    made = ada.post("/me/tokens", {"name": "laptop", "scope": "act", "life": "30"})
    plain = re.search(r"tok_[0-9a-f]{40}", made.content.decode())
    assert plain and "no-store" in made.headers["Cache-Control"]
    assert plain.group() not in ada.get("/me/tokens").content.decode()
    row = Token.objects.get()
    assert plain.group() not in str(vars(row)) + str(list(Entry.objects.values_list("data", flat=True)))
    assert row.digest == digest(plain.group())
    assert row.expires_at is not None


def test_a_token_form_sent_twice_makes_one(ada: Client) -> None:
    form = {"name": "laptop", "scope": "read", "life": ""}
    ada.post("/me/tokens", form)
    again = ada.post("/me/tokens", form)
    assert again.status_code == 422
    assert "If you pressed twice" in errors(again)
    assert Token.objects.count() == 1


def test_only_the_owner_revokes_a_token(ada: Client, reader: Reader, world: World) -> None:
    ada.post("/me/tokens", {"name": "laptop", "scope": "read", "life": "30"})
    token = Token.objects.get()
    assert reader(world.bo).post(f"/me/tokens/{token.pk}/revoke").status_code == 404
    assert Token.objects.exists()
    ada.post(f"/me/tokens/{token.pk}/revoke")
    assert not Token.objects.exists()


# --- settings ---------------------------------------------------------------------------------------------


def matrix(**other: str) -> dict[str, str]:
    cells = ("major_high", "major_low", "moderate_high", "moderate_low", "minor_high", "minor_low")
    return {f"matrix_{cell}": "P3" for cell in cells} | other


def test_priorities_and_the_fallback_are_changed(ada: Client) -> None:
    answer = ada.post("/settings", {"name": "Acme", "fallback": "cy"} | matrix(matrix_major_high="P2"))
    assert answer.status_code == 302
    row = Organisation.objects.get()
    assert (row.name, row.fallback_id, row.matrix["major"]["high"]) == ("Acme", "cy", "P2")
    assert "valid choice" in errors(ada.post("/settings", {"name": "Acme"} | matrix(matrix_minor_low="P9")))


FILE = """
users:
  - {id: zoe, name: Zoe Quint, email: zoe@example.com, role: responder}
"""


def test_a_file_is_planned_in_words_then_applied(ada: Client) -> None:
    planned = ada.post("/settings/file", {"text": FILE, "do": "look"})
    assert "add user zoe (Zoe Quint)" in planned.content.decode()
    assert not User.objects.filter(pk="zoe").exists()
    seen = planned.context["looked"].print
    applied = ada.post("/settings/file", {"text": FILE, "do": "apply", "print": seen})
    assert "Applied: 1 change" in applied.content.decode()
    assert User.objects.get(pk="zoe").name == "Zoe Quint"


def test_a_plan_that_was_not_shown_is_not_applied(ada: Client) -> None:
    answer = ada.post("/settings/file", {"text": FILE, "do": "apply", "print": "something else"})
    assert "This is the plan now" in answer.content.decode()
    assert not User.objects.filter(pk="zoe").exists()


def test_mistakes_in_a_file_are_told_with_their_lines_and_nothing_is_applied(ada: Client) -> None:
    wrong = SimpleUploadedFile("mine.yaml", b"users:\n  - {id: zoe, nme: Zoe}\n")
    answer = ada.post("/settings/file", {"file": wrong, "do": "look"})
    assert answer.status_code == 422
    assert "mine.yaml:2" in answer.content.decode()
    assert "nme: Zoe" in answer.content.decode(), "the text stays to be mended"


@pytest.mark.parametrize(
    "body", [b"\xff\xfe\x00bad", b"", b"!!python/object/apply:os.system [id]", b"a: &a [*a]"]
)
def test_a_bad_file_is_refused_in_words(ada: Client, body: bytes) -> None:
    answer = ada.post("/settings/file", {"file": SimpleUploadedFile("x.yaml", body), "do": "look"})
    assert answer.status_code == 422


def test_the_downloaded_file_changes_nothing_and_holds_no_key(ada: Client, world: World) -> None:
    text = ada.get("/settings/file/download").content.decode()
    assert world.key not in text
    assert "Nothing changes" in ada.post("/settings/file", {"text": text, "do": "look"}).content.decode()


# --- the demo ---------------------------------------------------------------------------------------------


def test_the_demo_is_left_on_the_settings_page_and_come_back_to(
    reader: Reader, world: World, ada: Client, clock: Clock
) -> None:
    assert "Leave the demo" not in ada.get("/settings").content.decode()
    Organisation.objects.update(demo=True)
    with transaction.atomic():
        write([Fact(ORGANISATION, "organisation.demo", {"organisation": "1"})], ENGINE, clock.now)
    assert "Leave the demo" in ada.get("/settings").content.decode()
    assert "demo" in ada.get("/").content.decode().partition("<footer")[2]
    assert reader(world.mo).post("/settings/demo/leave").status_code == 403
    assert Organisation.objects.get().demo

    said = ada.post("/settings/demo/leave", follow=True).content.decode()
    assert "This is no demo any more" in said
    assert not Organisation.objects.get().demo
    assert "demo" not in ada.get("/").content.decode().partition("<footer")[2]
    assert "left the demo" in ada.get("/settings/audit").content.decode()

    (undo,) = re.findall(r'action="(/settings/demo/[a-z]+)"', said)
    ada.post(undo)
    assert Organisation.objects.get().demo


# --- audit ------------------------------------------------------------------------------------------------


def test_the_audit_log_says_who_changed_what(ada: Client) -> None:
    ada.post("/services/shop/edit", SERVICE | {"name": "Web shop"})
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", ada.get("/settings/audit").content.decode()))
    assert "Ada Ortiz changed service shop" in text
    assert "tier: 1 → 2" in text


def test_the_audit_log_has_words_for_what_happened_to_the_instance(ada: Client, clock: Clock) -> None:
    ada.post("/me/test")
    restored = {"backup_made_at": "2026-03-01T08:30:00+00:00", "held": True}
    with transaction.atomic():
        write([Fact(ORGANISATION, "instance.restored", restored)], By("cli", "cli"), clock.now)
        write([Fact(ORGANISATION, "instance.clock_stepped", {"seconds": -90.5})], ENGINE, clock.now)
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", ada.get("/settings/audit").content.decode()))
    for words in (
        "Ada Ortiz sent a test message to every contact",
        "The command line restored the instance from the backup of 2026-03-01 08:30 UTC; what waited was held back",
        "Tocsin noticed that the clock was set back by 90.5 s; running timers keep their length",
    ):
        assert words in text, words


def test_a_forged_entry_is_found_and_named(ada: Client) -> None:
    ada.post("/services/shop/edit", SERVICE | {"name": "Web shop"})
    assert "Every chain is whole" in ada.post("/settings/audit/check").content.decode()
    entry = Entry.objects.get(kind="service.saved")
    Entry.objects.filter(pk=entry.pk).update(who="user:cy")
    text = ada.post("/settings/audit/check").content.decode()
    assert f"organisation#{entry.seq}" in text
    assert "do not match" in text


def test_a_long_audit_log_is_paged(ada: Client, world: World, clock: Clock) -> None:
    from tocsin.people.actions import make_sign_in_link

    for _ in range(105):
        make_sign_in_link(world.bo, clock.now)
    first = ada.get("/settings/audit").content.decode()
    older = re.search(r'href="(\?before=\d+)"', first)
    assert older
    assert "Older" not in ada.get(f"/settings/audit{older.group(1)}").content.decode()


def templates() -> Iterator[Path]:
    import tocsin.web

    yield from Path(tocsin.web.__file__).parent.joinpath("templates").rglob("*.html")


def test_empty_lists_teach_the_next_step(reader: Reader, world: World) -> None:
    Integration.objects.all().delete()
    Service.objects.all().delete()
    Policy.objects.all().delete()
    Team.objects.all().delete()
    client = reader(world.ada)
    for address, taught in (
        ("/services", "Make the first service"),
        ("/policies", "Make the first policy"),
        ("/teams", "Make the first team"),
        ("/integrations", "To the services"),
        ("/me/tokens", "No token yet"),
        ("/me/signing", "Add a contact"),
    ):
        assert taught in client.get(address).content.decode()


def test_every_form_that_changes_something_carries_its_secret() -> None:
    for template in templates():
        if template.name in ("act.html", "test_arrived.html"):
            continue  # the link itself is the secret there, and no session is asked
        text = template.read_text()
        for form in re.findall(r'<form[^>]*method="post"[^>]*>.{0,40}', text, re.DOTALL):
            assert "csrf_token" in form, (template.name, form)
