"""What is known of a contact, as rules: when it is paged, when it counts, when it fails, and what a code opens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.people.rules import (
    CODE_DIGITS,
    FAILURES_MAX,
    Asked,
    Contact,
    Standing,
    Try,
    code_of,
    failing,
    in_groups,
    is_code,
    too_many,
)
from tocsin.people.rules.contacts import CODES_PER_HOUR_MAX, FAILING_AFTER

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
KEY = b"a key that only tests use"
instants = st.none() | st.just(T0)
contacts = st.builds(
    Contact,
    st.sampled_from(["mailto:ada@example.com", "https://example.com/ada", "console:ada"]),
    instants,
    st.sampled_from(["", "user:mo"]),
    instants,
    instants,
    st.just("mailbox unknown"),
)


@given(contacts)
def test_what_counts_is_paged_and_what_nobody_proved_or_vouched_for_is_not(contact: Contact) -> None:
    assert not contact.is_sound or contact.is_paged
    proved = contact.verified_at or contact.vouched_by or contact.address.startswith("console:")
    assert contact.is_paged == bool(proved)
    assert contact.is_sound == (contact.is_paged and contact.failing_since is None)
    assert not contact.is_untried or (contact.is_sound and contact.worked_at is None)


@pytest.mark.parametrize(
    ("contact", "standing"),
    [
        (Contact("mailto:a@example.com"), Standing.UNVERIFIED),
        (Contact("mailto:a@example.com", vouched_by="user:mo"), Standing.VOUCHED),
        (Contact("mailto:a@example.com", T0, "user:mo"), Standing.VERIFIED),
        (Contact("mailto:a@example.com", T0, failing_since=T0), Standing.FAILING),
        (Contact("mailto:a@example.com", failing_since=T0), Standing.UNVERIFIED),
        (Contact("console:ada"), Standing.VERIFIED),
    ],
)
def test_each_state_has_its_word(contact: Contact, standing: Standing) -> None:
    assert contact.standing is standing


def tried(*minutes_ago: int, went: int | None = None, for_good: bool = False) -> list[Try]:
    """Failures so many minutes ago, the latest first, and one message that went."""
    tries = [Try(T0 - timedelta(minutes=ago), "busy", for_good) for ago in minutes_ago]
    if went is not None:
        tries.append(Try(T0 - timedelta(minutes=went)))
    return sorted(tries, key=lambda each: each.at, reverse=True)


@pytest.mark.parametrize(
    ("tries", "since"),
    [
        ([], None),
        (tried(0, 5), None),
        (tried(0, 1, 2), None),  # too close together: a provider had a bad moment
        (tried(0, 5, 10), 10),
        (tried(0, 5, 10, went=3), None),
        (tried(5, 10, 20, went=0), None),
        (tried(0, 5, 10, went=60), 10),
        (tried(0, for_good=True), 0),
        (tried(0, for_good=True, went=1), 0),
        (tried(5, for_good=True, went=0), None),
    ],
)
def test_a_contact_fails_after_three_in_a_row_over_some_time_or_at_once_when_refused_for_good(
    tries: list[Try], since: int | None
) -> None:
    found = failing(tries)
    assert (found.since if found else None) == (None if since is None else T0 - timedelta(minutes=since))


tries_ = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from(["", "", "busy"]), st.booleans()), max_size=8
).map(
    lambda rows: [
        Try(T0 - timedelta(minutes=ago), why, bool(why) and good)
        for ago, why, good in sorted(rows, key=lambda row: row[0])
    ]
)


@given(tries_)
def test_one_message_that_goes_ends_it_and_nothing_before_it_matters(tries: list[Try]) -> None:
    assert failing([Try(T0 + timedelta(minutes=1)), *tries]) is None
    went = next((place for place, each in enumerate(tries) if not each.why), len(tries))
    assert failing(tries) == failing(tries[:went])
    if (found := failing(tries)) is not None:
        row = tries[:went]
        assert found.since == row[-1].at
        assert row[0].for_good or (len(row) >= FAILURES_MAX and row[0].at - row[-1].at >= FAILING_AFTER)


@given(st.text(st.sampled_from("0123456789abcdef"), min_size=64, max_size=64), st.text(max_size=30))
def test_a_code_opens_its_own_address_and_no_other(nonce: str, address: str) -> None:
    code = code_of(nonce, address, KEY)
    assert len(code) == CODE_DIGITS and code.isdecimal()
    assert code_of(nonce, address, KEY) == code
    assert is_code(in_groups(code), code) and is_code(f" {code[:2]}-{code[2:]} ", code)
    assert not is_code("", code) and not is_code(code + "0", code) and not is_code("x" + code[1:], code)


def test_codes_differ_by_nonce_address_and_key() -> None:
    codes = {
        code_of(nonce, address, key)
        for nonce in "ab"
        for address in ("mailto:a", "mailto:b")
        for key in (KEY, b"x")
    }
    assert len(codes) == 8


def test_no_more_codes_go_out_than_the_bounds_say() -> None:
    assert too_many(Asked(0, 0, 0)) == ""
    assert "within the hour" in too_many(Asked(CODES_PER_HOUR_MAX, 0, 0))
    assert "to this address" in too_many(Asked(0, 5, 0))
    assert "your contacts" in too_many(Asked(0, 0, 20))
