"""What is printed can be trusted by a terminal and by a program."""

from __future__ import annotations

import json

import pytest

from tocsin.cli.say import line, plain, say_json, say_table


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://evil\x1b\\link", "link"),
        ("beep\x07\x00", "beep"),
        ("\x9b31mred", "31mred"),
        ("over\rwritten", "overwritten"),
        ("abc\u202edcba", "abcdcba"),
        ("two\nlines\tstay", "two\nlines\tstay"),
        ("Überfall ☃ 日本", "Überfall ☃ 日本"),
    ],
)
def test_nothing_that_a_terminal_obeys_is_printed(sent: str, shown: str) -> None:
    assert plain(sent) == shown


def test_a_cell_stays_on_its_line() -> None:
    assert line("a\nb\tc") == "a b c"


def test_a_table_lines_up_under_its_headings(capsys: pytest.CaptureFixture[str]) -> None:
    say_table([{"id": "a", "name": "Ada"}, {"id": "longer", "name": None}], {"id": "ID", "name": "NAME"})
    assert capsys.readouterr().out == "ID      NAME\na       Ada\nlonger\n"


def test_json_keeps_everything_and_escapes_it(capsys: pytest.CaptureFixture[str]) -> None:
    say_json({"title": "\x1b[31mred"})
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert json.loads(out) == {"title": "\x1b[31mred"}
