"""Providers and places in the organisation's file: what is said, what is kept, and what is never shown."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.organisation import files
from tests.organisation.files import BY, mistakes
from tests.pretend import pretend as pretend  # noqa: PLC0414 - a fixture
from tests.world import Clock
from tocsin.catalog.models import Integration
from tocsin.journal.models import Entry
from tocsin.kernel.errors import Refused
from tocsin.notification.models import Place, Provider
from tocsin.notification.providers import find_provider
from tocsin.notification.sealing import unseal
from tocsin.organisation.actions import apply
from tocsin.organisation.exporting import export
from tocsin.organisation.outside import OUTSIDE_BYTES_MAX, Outside, lies_outside, read_outside
from tocsin.organisation.plan import plan
from tocsin.organisation.reading import File

CANARY = "canary-51c0"
TWO = """
providers:
  - {id: main, vendor: pretend, name: Main, settings: {token: canary-51c0, sender: Ops}}
  - id: second
    vendor: pretend
    position: 2
    settings: {token: {env: SECOND_TOKEN}}
places:
  - {id: ops, name: Operations, address: "pretend:ops"}
"""
OUTSIDE = {"env:SECOND_TOKEN": "canary-51c0-second"}
applied = partial(files.applied, outside=OUTSIDE)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pretend", "outbox", "world")]


def test_a_file_makes_them_and_the_same_file_again_changes_nothing(clock: Clock) -> None:
    words = applied(TWO, clock)
    assert words[:3] == [
        "add provider main (Main)",
        "add provider second",
        "add place ops (Operations)",
    ]
    assert unseal(find_provider("main").secrets_sealed["token"]) == CANARY
    assert unseal(find_provider("second").secrets_sealed["token"]) == "canary-51c0-second"
    assert (find_provider("second").position, find_provider("second").settings) == (2, {"sender": "Tocsin"})
    assert applied(TWO, clock) == ["Nothing changes."]


def test_the_export_applies_to_nothing_changed_and_holds_no_secret(clock: Clock) -> None:
    Integration.objects.all().delete()  # nothing in this world can show its key
    applied(TWO, clock)
    for text in (export(), export(keys=True)):
        assert CANARY not in text
        assert plan([File("again.yaml", text)], prune=True, outside={}).in_words() == ["Nothing changes."]
    assert "vendor: pretend" in export()


def test_a_plan_says_that_a_secret_is_another_one_and_never_which(clock: Clock) -> None:
    applied(TWO, clock)
    changed = TWO.replace("token: canary-51c0,", "token: canary-51c0-new,").replace(
        "sender: Ops", "sender: Night"
    )
    words = applied(changed, clock)
    assert words[0] == "change provider main: sender Ops → Night, another token"
    assert CANARY not in "".join(words)
    assert CANARY not in "".join(str(entry.data) for entry in Entry.objects.all())


def test_prune_removes_what_the_file_does_not_list(clock: Clock) -> None:
    applied(TWO, clock)
    words = applied("providers: []\nplaces: []\n", clock, prune=True)
    assert words[:3] == ["remove place ops", "remove provider main", "remove provider second"]
    assert not Provider.objects.exists()
    assert not Place.objects.exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "providers:\n - id: a\n   vendor: pretnd\n",
            "org.yaml:3: No vendor 'pretnd'. Expected one of pretend. Did you mean 'pretend'?",
        ),
        (
            "providers:\n - id: a\n   vendor: pretend\n   settings:\n    token: t\n    sendr: x\n",
            "org.yaml:6: Pretend has no setting 'sendr'. Expected one of token, sender. Did you mean 'sender'?",
        ),
        ("providers:\n - id: a\n   vendor: pretend\n", "org.yaml:2: Token is missing. Expected a value."),
        (
            "providers:\n - id: a\n   vendor: pretend\n   settings:\n    token: canary-51c0 x\n",
            "org.yaml:5: The token has a space in it. Expected one word.",
        ),
        (
            "providers:\n - id: a\n   vendor: pretend\n   settings: {token: 12345}\n",
            "org.yaml:4: This setting is not text. Write it in quotes.",
        ),
        (
            "providers:\n - id: a\n   vendor: pretend\n   settings: {token: {vault: x}}\n",
            "org.yaml:4: This names no place of a value. Expected {env: NAME} or {file: PATH}.",
        ),
        (
            "providers:\n - id: a\n   vendor: pretend\n   settings: {token: {env: NOT_GIVEN}}\n",
            "org.yaml:4: token lies in the variable 'NOT_GIVEN', and nobody has read it. Expected the value itself.",
        ),
        (
            "places:\n - {id: ops, address: 'pigeon:roof'}\n",
            "org.yaml:2: Nothing is known that delivers to 'pigeon:roof'.",
        ),
    ],
)
def test_mistakes_are_told_with_their_line_and_without_secrets(text: str, said: str) -> None:
    (only,) = mistakes(text)
    assert only.startswith(said)
    assert CANARY not in only


def test_nothing_inside_a_value_is_replaced(clock: Clock) -> None:
    applied(
        "providers: [{id: a, vendor: pretend, settings: {token: '${HOME}$(id)', sender: '$USER'}}]", clock
    )
    assert unseal(find_provider("a").secrets_sealed["token"]) == "${HOME}$(id)"
    assert find_provider("a").settings["sender"] == "$USER"


def test_a_plan_that_nobody_has_read_everything_for_is_not_applied(clock: Clock) -> None:
    planned = plan([File("org.yaml", TWO)])
    with pytest.raises(Refused, match="was not read"):
        apply(planned, BY, clock.now)
    assert not Provider.objects.exists()


def test_a_secret_may_be_forgotten_by_name_only_when_it_need_not_be_there(clock: Clock) -> None:
    applied(TWO, clock)
    (only,) = mistakes("providers: [{id: main, vendor: pretend, settings: {token: null}}]")
    assert "Token is missing" in only


# -- what lies outside ---------------------------------------------------------------------------------------------


def test_whoever_applies_reads_what_the_files_name(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from a file\n")
    text = (
        "providers:\n - id: a\n   settings:\n    one: {env: ONE}\n"
        f"    two: {{file: {tmp_path}/token}}\n    three: text\n    four: {{env: ONE}}\n"
    )
    named = lies_outside([File("org.yaml", text)])
    assert [str(each) for each in named] == ["env:ONE", f"file:{tmp_path}/token"]
    assert [read_outside(each, {"ONE": " kept "}) for each in named] == [" kept ", "from a file"]
    with pytest.raises(Refused, match=r"org\.yaml:4: The variable ONE is not set here"):
        read_outside(named[0], {})


def test_a_file_that_is_no_secret_is_refused(tmp_path: Path) -> None:
    large, odd = tmp_path / "large", tmp_path / "odd"
    large.write_bytes(b"x" * (OUTSIDE_BYTES_MAX + 1))
    odd.write_bytes(b"\xff\xfe")
    for path, what in ((large, "too long"), (odd, "not text"), (tmp_path / "none", "cannot be read")):
        with pytest.raises(Refused, match=what):
            read_outside(Outside("file", str(path)), {})


def test_files_that_cannot_be_read_name_nothing() -> None:
    assert lies_outside([File("org.yaml", "providers: [")]) == ()
    assert lies_outside([File("org.yaml", "providers: 3\nplaces: []")]) == ()


# -- who names a place ---------------------------------------------------------------------------------------------

LOUD = """
policies:
  - id: loud
    levels:
      - {notify: ["place:ops"], timeout: 5m}
"""


def test_a_policy_names_a_place_of_the_same_file_and_no_other(clock: Clock) -> None:
    (only,) = mistakes(LOUD)
    assert only.startswith("org.yaml:5: No place 'ops'")
    applied(TWO + LOUD, clock)
    (kept,) = mistakes("places: []", prune=True)
    assert (
        kept
        == "Place ops would be removed, and policy loud names it. Declare place ops, or change policy loud."
    )
