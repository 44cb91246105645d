"""People, teams, contacts, tokens and sign-in links, through their actions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.world import Outbox
from tocsin.journal.models import Entry
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused
from tocsin.notification.channels import check_address
from tocsin.people import actions as people
from tocsin.people.models import Contact, SignInLink, Team, Token, User
from tocsin.people.rules import COMMAND_LINE, Role
from tocsin.people.saving import UserValue

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
BY = By("user:zoe", "web")
pytestmark = pytest.mark.django_db


def ada(**changes: Any) -> User:
    values: dict[str, Any] = {"name": "Ada Ortiz", "email": "ada@example.com", "timezone": "Europe/Madrid"}
    return people.save_user("ada", UserValue(**(values | changes)), BY, NOW)


def journal(kind: str) -> list[dict[str, Any]]:
    return [entry.data for entry in Entry.objects.filter(chain="organisation", kind=kind).order_by("seq")]


def test_a_new_person_cannot_sign_in_with_any_password() -> None:
    user = ada()
    assert user.role == Role.RESPONDER and user.is_active
    assert not user.has_usable_password()


def test_names_and_addresses_do_not_stay_in_the_journal_for_ever() -> None:
    ada()
    ada(name="Ada Lovelace", email="countess@example.com", role="manager")
    written = str(journal("user.saved"))
    assert "Ortiz" not in written and "Lovelace" not in written and "@" not in written
    assert journal("user.saved")[1] == {
        "user": "ada",
        "new": False,
        "before": {"name": "(changed)", "email": "(changed)", "role": "responder"},
        "after": {"name": "(changed)", "email": "(changed)", "role": "manager"},
    }


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"name": ""}, "name"),
        ({"name": "two\nlines"}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"email": "ada"}, "email"),
        ({"email": "ada@example.com\nbcc: x@example.com"}, "email"),
        ({"timezone": "Europe/Madird"}, "timezone"),
        ({"timezone": "../../etc/passwd"}, "timezone"),
        ({"timezone": ""}, "timezone"),
        ({"role": "root"}, "role"),
    ],
)
def test_what_a_person_cannot_be_is_refused_with_the_field(changes: dict[str, Any], where: str) -> None:
    with pytest.raises(Refused) as refused:
        ada(**changes)
    assert refused.value.where == where
    assert not User.objects.exists()


def test_two_people_cannot_have_one_address_in_whatever_case() -> None:
    ada()
    with pytest.raises(Refused, match="Somebody else has the address"):
        people.save_user("bo", UserValue("Bo", "ADA@example.com"), BY, NOW)


def test_who_is_switched_off_has_no_session_token_or_link_left() -> None:
    user = ada()
    before = user.get_session_auth_hash()
    _, token = people.add_token(user, "laptop", "act", None, BY, NOW)
    link = people.make_sign_in_link(user, NOW)

    people.deactivate_user("ada", BY, NOW)

    assert User.objects.get(pk="ada").get_session_auth_hash() != before
    assert people.find_token(token, NOW) is None
    with pytest.raises(Refused, match="is not known"):
        people.use_sign_in_link(link, NOW)
    ada()
    assert people.find_token(token, NOW) is None, "and none comes back with the person"


def test_another_role_ends_the_sessions_of_the_old_one() -> None:
    before = ada().get_session_auth_hash()
    assert people.set_role("ada", "manager", BY, NOW).get_session_auth_hash() != before


def test_there_is_always_somebody_left_who_may_administer() -> None:
    ada(role="admin")
    people.save_user(COMMAND_LINE, UserValue("Command line", "cli@localhost", role="admin"), BY, NOW)
    with pytest.raises(Refused, match="nobody who may administer"):
        people.set_role("ada", "manager", BY, NOW)
    with pytest.raises(Refused, match="nobody who may administer"):
        people.deactivate_user("ada", BY, NOW)
    assert User.objects.get(pk="ada").role == "admin"
    people.save_user("bo", UserValue("Bo", "bo@example.com", role="admin"), BY, NOW)
    assert people.set_role("ada", "manager", BY, NOW).role == "manager"


def test_contacts_are_replaced_and_one_that_changed_is_verified_anew(outbox: Outbox) -> None:
    ada()
    people.save_contacts("ada", {"mail": "fake:a", "hook": "fake:b"}, BY, NOW, check_address=check_address)
    Contact.objects.update(verified_at=NOW)
    people.save_contacts("ada", {"mail": "fake:a", "hook": "fake:c"}, BY, NOW, check_address=check_address)
    assert {c.name: c.verified_at for c in Contact.objects.all()} == {"mail": NOW, "hook": None}
    people.save_contacts("ada", {"mail": "fake:a"}, BY, NOW, check_address=check_address)
    people.save_contacts("ada", {"mail": "fake:a"}, BY, NOW, check_address=check_address)
    facts = journal("contacts.saved")
    assert len(facts) == 3
    assert facts[1]["before"]["mail"] == facts[1]["after"]["mail"]
    assert facts[1]["before"]["hook"] != facts[1]["after"]["hook"]
    assert "fake:b" not in str(facts), "an address may be a secret"


def test_a_contact_that_nothing_delivers_to_is_refused_and_the_others_stay(outbox: Outbox) -> None:
    ada()
    people.save_contacts("ada", {"mail": "fake:a"}, BY, NOW, check_address=check_address)
    with pytest.raises(Refused, match="Nothing is known that delivers"):
        people.save_contacts("ada", {"dove": "pigeon:a"}, BY, NOW, check_address=check_address)
    with pytest.raises(Refused, match="at most 20"):
        many = {f"c{n}": "fake:a" for n in range(21)}
        people.save_contacts("ada", many, BY, NOW, check_address=check_address)
    assert Contact.objects.get().name == "mail"


def test_a_team_keeps_the_order_of_its_members() -> None:
    ada()
    people.save_user("bo", UserValue("Bo", "bo@example.com"), BY, NOW)
    people.save_team("web", "Web", ["bo", "ada", "bo"], "ada", BY, NOW)
    people.save_team("web", "Web", ["bo", "ada"], "ada", BY, NOW)
    members = Team.objects.get().memberships.order_by("position")
    assert [each.user_id for each in members] == ["bo", "ada"]
    assert len(journal("team.saved")) == 1
    for wrong, why in ((["ada", "eve"], "No person 'eve'"), (["bo"], "is not a member")):
        with pytest.raises(Refused, match=why):
            people.save_team("web", "Web", wrong, "ada", BY, NOW)


def test_a_team_that_a_policy_names_is_kept() -> None:
    ada()
    people.save_team("web", "Web", ["ada"], None, BY, NOW)
    with pytest.raises(Refused, match="named by policy night"):
        people.delete_team("web", BY, NOW, named_by=["night"])
    people.delete_team("web", BY, NOW, named_by=[])
    with pytest.raises(Refused) as refused:
        people.delete_team("web", BY, NOW, named_by=[])
    assert refused.value.status == 404


def test_a_token_is_found_by_its_text_and_kept_as_a_digest_only() -> None:
    token, plain = people.add_token(ada(), "laptop", "read", NOW + timedelta(days=1), BY, NOW)
    stored = str(Token.objects.values().get()) + str(journal("token.added"))
    assert plain not in stored and len(plain) >= 36
    assert token.prefix == plain[:12]
    found = people.find_token(plain, NOW)
    assert found == token and found.user.id == "ada"
    assert people.find_token(plain + "x", NOW) is None
    assert people.find_token(plain, NOW + timedelta(days=1)) is None, "expired"


def test_the_last_use_of_a_token_is_known_to_the_minute_and_costs_a_write_a_minute() -> None:
    token, plain = people.add_token(ada(), "laptop", "read", None, BY, NOW)
    for seconds, known in ((0, 0), (59, 0), (60, 60), (100, 60)):
        people.find_token(plain, NOW + timedelta(seconds=seconds))
        token.refresh_from_db()
        assert token.last_used_at == NOW + timedelta(seconds=known)


def test_a_revoked_token_opens_nothing_and_an_impossible_one_is_refused() -> None:
    user = ada()
    token, plain = people.add_token(user, "laptop", "read", None, BY, NOW)
    people.revoke_token(token.pk, BY, NOW)
    assert people.find_token(plain, NOW) is None
    for name, scope, expires in (("", "read", None), ("x", "root", None), ("x", "read", NOW)):
        with pytest.raises(Refused):
            people.add_token(user, name, scope, expires, BY, NOW)


def test_a_sign_in_link_works_once_and_not_after_its_time() -> None:
    user = ada()
    plain = people.make_sign_in_link(user, NOW, timedelta(minutes=10))
    assert plain not in str(SignInLink.objects.values().get())
    assert people.find_sign_in_link(plain, NOW).user == user, "looking does not use it"
    assert people.use_sign_in_link(plain, NOW) == user
    with pytest.raises(Refused, match="has been used"):
        people.use_sign_in_link(plain, NOW)
    late = people.make_sign_in_link(user, NOW, timedelta(minutes=10))
    with pytest.raises(Refused, match="has expired"):
        people.use_sign_in_link(late, NOW + timedelta(minutes=10))
    with pytest.raises(Refused, match="is not known") as refused:
        people.use_sign_in_link("in_nothing", NOW)
    assert refused.value.status == 404
    assert journal("user.link_used") == [{"user": "ada"}]
