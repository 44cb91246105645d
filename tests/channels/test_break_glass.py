"""The break-glass list: a file that is read once, refused in words, and stands on nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pretend import pretend as pretend  # noqa: PLC0414 - a fixture
from tests.world import T0
from tocsin.channels.break_glass import BreakGlass, read_list
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.reach import Reach
from tocsin.kernel.errors import Refused
from tocsin.notification.rules import Message
from tocsin.testing.pretend import DEAD, behaviour

pytestmark = pytest.mark.usefixtures("pretend")
GOOD = """
mail: smtp://user:canary-77@mail.example.net:587?from=alarm@example.net
accounts:
  - {id: own, vendor: pretend, settings: {token: canary-66}}
contacts:
  - {name: Ada, address: "pretend:ada"}
  - {name: Head of operations, address: "pretend:head"}
  - {name: Their mailbox, address: "mailto:ops@example.net"}
"""


def read(path: Path, text: str, mode: int = 0o600) -> BreakGlass | None:
    path = path / "glass.yaml"
    path.write_text(text)
    path.chmod(mode)
    return read_list(str(path), Outgoing(Reach()), "https://tocsin.example.com")


def test_without_a_path_there_is_no_list() -> None:
    assert read_list("", Outgoing(Reach()), "https://tocsin.example.com") is None


def test_each_of_the_list_is_told_through_what_the_file_names(tmp_path: Path) -> None:
    listed = read(
        tmp_path, GOOD.replace('  - {name: Their mailbox, address: "mailto:ops@example.net"}\n', "")
    )
    assert listed is not None
    account = behaviour("break-glass-own")
    told = listed.tell(Message("1", "Nobody can be reached"), T0)
    assert [(each.name, each.channel, each.why) for each in told] == [
        ("Ada", "pretend", ""),
        ("Head of operations", "pretend", ""),
    ]
    assert sorted(who for who, _ in account.sent) == ["ada", "head"]
    account.script.append(DEAD)
    assert sorted(each.why for each in listed.tell(Message("2", "Again"), T0)) == ["", "HTTP 503"]


def test_no_secret_of_it_is_shown(tmp_path: Path) -> None:
    listed = read(tmp_path, GOOD)
    assert "canary" not in repr(listed)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("contacts: []", "glass.yaml:1: The list has 0 items"),
        ("contacts: [{name: Ada}]", "glass.yaml:1: Here a contact has no address"),
        ("people: []", "Unknown key 'people'"),
        ("contacts: [", "This is not YAML"),
        ("", "The file is not one list"),
        ("a: 1\n---\nb: 2", "Unknown key 'a'"),
        ('contacts: [{name: Ada, address: "tel:+4915112345678"}]', "delivers to tel:"),
        ('contacts: [{name: Ada, address: "mailto:ada@example.com"}]', "delivers to mailto:"),
        ('contacts: [{name: Ada, address: "push:x"}]', "delivers to push:"),
        (GOOD.replace("pretend:ada", "pretend:a da"), "glass.yaml:6: "),
        (GOOD.replace("token: canary-66", "token: 'canary 66'"), "glass.yaml:4: own: The token has a space"),
        (GOOD.replace("{token: canary-66}", "{}"), "glass.yaml:4: own: The setting token is missing"),
        (GOOD.replace("token: canary-66", "colour: red"), "There is no setting 'colour'"),
        (GOOD.replace("token: canary-66", "token: {env: X}"), "A value from elsewhere cannot stand here"),
        (GOOD.replace("smtp://", "gopher://"), "The address of the mail server cannot be read"),
        (GOOD.replace("Head of operations", "Ada"), "Two contacts have one name"),
    ],
)
def test_a_list_that_could_not_be_used_is_refused_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(Refused) as refused:
        read(tmp_path, text)
    assert said in str(refused.value)
    assert refused.value.where == "TOCSIN_BREAK_GLASS"
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_a_list_that_others_can_get_at_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(Refused, match="Others may read") as refused:
        read(tmp_path, GOOD, mode)
    assert "chmod 600" in refused.value.mend


def test_a_list_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="No such file"):
        read_list(str(tmp_path / "none"), Outgoing(Reach()), "https://tocsin.example.com")
