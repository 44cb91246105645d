"""The language of templates: what it says, what it refuses, and that nothing else can come of any text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.kernel.errors import Refused
from tocsin.notification.rules.pieces import (
    DEFAULT,
    LABELS_MAX,
    LINES_MAX,
    OF_A_PAGE,
    OF_THE_END,
    SUBJECT_OUT_MAX,
    TEXT_OUT_MAX,
    Broken,
    Piece,
    check_piece,
    find,
    read_piece,
)
from tocsin.notification.rules.templates import (
    DEPTH_MAX,
    TAG_LENGTH_MAX,
    TAGS_MAX,
    Template,
    Values,
    fill,
    read,
)

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "messages.md"
VALUES: Values = {
    "title": "Checkout fails",
    "service": "Web shop",
    "holder": "",
    "labels": [{"name": "region", "value": "eu"}, {"name": "pod a", "value": "web-1"}],
}
NAMES = [*OF_A_PAGE.texts, *OF_A_PAGE.lists]
shown = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60)
tags = st.builds(
    "{{{{{}{}{}}}}}".format,
    st.sampled_from(["", " ", "#", "^", "/", "!", "{", "&", ">", "=", "# "]),
    st.one_of(st.sampled_from([*NAMES, "name", "value", "labels.region", "labels.", "no"]), shown),
    st.sampled_from(["", " ", "}"]),
)
anything = st.one_of(
    st.text(max_size=300),
    st.lists(
        st.one_of(tags, st.text(max_size=8), st.sampled_from(["\n", "{{", "}}", "{", "}"])), max_size=15
    ).map("".join),
)


def said(text: str, values: Values = VALUES, most: int = 500) -> str:
    return fill(read(text, OF_A_PAGE), values, most)


def refused(text: str) -> str:
    with pytest.raises(Refused) as problem:
        read(text, OF_A_PAGE)
    return str(problem.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{title}} in {{ service }}", "Checkout fails in Web shop"),
        ("{{holder}}|{{note}}|", "||"),
        ("{{#title}}yes{{/title}}{{#holder}}no{{/holder}}", "yes"),
        ("{{^title}}no{{/title}}{{^holder}}nobody{{/holder}}", "nobody"),
        ("{{#labels}}{{name}}={{value}};{{/labels}}", "region=eu;pod a=web-1;"),
        ("{{#labels}}{{title}} {{/labels}}", "Checkout fails Checkout fails "),
        ("{{labels.region}} {{labels.pod a}} {{labels.none}}", "eu web-1 "),
        (
            "{{#labels.region}}in {{labels.region}}{{/labels.region}}{{^labels.zone}}!{{/labels.zone}}",
            "in eu!",
        ),
        ("{{^labels}}none{{/labels}}", ""),
        ("{{! a remark }}a{{!}}b", "ab"),
        ("a\n  {{#title}}  \nb\n{{/title}}\nc\n{{! x }}\nd", "a\nb\nc\nd"),
        ("{{#title}}\nb\n{{/title}}", "b\n"),
        ("a {{#title}}\nb{{/title}}", "a \nb"),
        ("{ {title} } }} }", "{ {title} } }} }"),
        ("100 % of ${x} <%= y %> #{z} %s {0}", "100 % of ${x} <%= y %> #{z} %s {0}"),
        ("", ""),
    ],
)
def test_a_template_says(text: str, expected: str) -> None:
    assert said(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb {{titel}}", "In line 2 {{titel}} names nothing that a message knows. Expected one of title, "),
        ("{{title", "In line 1 a {{ is not closed. Expected }} behind the name."),
        ("a\n{{#title}}\nb", "{{#title}} of line 2 is not closed. Expected {{/title}}"),
        ("{{^note}}", "{{^note}} of line 1 is not closed."),
        ("{{/title}}", "In line 1 {{/title}} closes what is not open."),
        (
            "{{#title}}{{#note}}{{/title}}{{/note}}",
            "In line 1 {{/title}} closes what is not open. Expected {{/note}}.",
        ),
        ("{{{title}}}", "In line 1 {{{title}} is nothing that a template can do. Expected {{name}}, "),
        ("{{&title}}", "In line 1 {{&title}} is nothing that a template can do."),
        ("{{> header}}", "In line 1 {{> header}} is nothing that a template can do."),
        ("{{=<% %>=}}", "In line 1 {{=<% %>=}} is nothing that a template can do."),
        ("{{labels}}", "In line 1 {{labels}} is a list. Expected {{#labels}}{{name}} {{value}}{{/labels}}."),
        ("{{name}}", "In line 1 {{name}} names nothing that a message knows."),
        ("{{title.x}}", "In line 1 {{title.x}} names nothing that a message knows."),
        ("{{why}}", "In line 1 {{why}} names nothing that a message knows."),
        ("{{}}", "In line 1 {{}} names nothing that a message knows."),
        ("{{#}}{{/}}", "In line 1 {{#}} names nothing that a message knows."),
        ("{{#labels}}{{#labels}}{{/labels}}{{/labels}}", "In line 1 {{#labels}} stands within itself."),
        ("{{title}}" * (TAGS_MAX + 1), f"There are too many {{{{ }}}}. Expected at most {TAGS_MAX}."),
        (
            "{{" + "x" * (TAG_LENGTH_MAX + 1) + "}}",
            "In line 1 a {{ }} is too long. Expected at most 100 characters.",
        ),
        (
            "{{#title}}" * (DEPTH_MAX + 1),
            "In line 1 too many {{#…}} stand within each other. Expected at most 4.",
        ),
        ("a\x00b", "It has a character that cannot be shown."),
        ("a\ud800b", "It has a character that cannot be shown."),
    ],
)
def test_what_a_template_cannot_say_is_told_with_its_line_and_what_can_be(text: str, expected: str) -> None:
    assert refused(text).startswith(expected)


def test_a_name_that_is_nearly_right_is_offered() -> None:
    assert refused("{{titel}}").endswith("Did you mean {{title}}?")


@given(anything)
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    try:
        template = read(text, OF_THE_END)
    except Refused:
        return
    assert len(fill(template, VALUES, 400)) <= 400
    fill(template, {}, 400)


@given(anything, st.sampled_from(Piece))
def test_any_text_is_a_piece_in_plain_form_or_refused(text: str, piece: Piece) -> None:
    try:
        plain = check_piece(piece, text)
    except Refused:
        return
    assert len(plain) <= piece.length_max
    assert check_piece(piece, plain) == plain
    assert isinstance(read_piece(piece, plain), Template)


@given(shown.filter(lambda text: "{{" not in text))
def test_a_text_without_tags_stays_as_it_is(text: str) -> None:
    assert fill(read(text, OF_A_PAGE), VALUES, 1_000) == text


@given(
    st.one_of(st.text(max_size=80), anything, st.sampled_from(["{{note}}", "{{#title}}", "${7*7}", "%(x)s"]))
)
def test_what_is_put_in_comes_out_as_it_is_and_is_not_read_again(text: str) -> None:
    values: Values = {"title": text, "note": "CANARY", "labels": [{"name": text, "value": text}]}
    filled = fill(read("<{{title}}>{{#labels}}[{{name}}|{{value}}]{{/labels}}", OF_A_PAGE), values, 5_000)
    assert filled == f"<{text}>[{text}|{text}]"


@pytest.mark.parametrize(
    "key", ["__class__", "__globals__", "value", "0", "__proto__", "items", "SECRET_KEY"]
)
def test_a_dot_names_a_label_and_leads_nowhere(key: str) -> None:
    assert said(f"<{{{{labels.{key}}}}}>") == "<>"
    assert (
        said(f"<{{{{labels.{key}}}}}>", {"labels": [{"name": key, "value": "of the alert"}]})
        == "<of the alert>"
    )


def test_what_comes_out_is_bounded_whatever_goes_in() -> None:
    labels = [{"name": "x" * 1_000, "value": "y" * 1_000}] * LABELS_MAX
    text = "{{#labels}}{{#title}}{{name}}{{value}}{{/title}}{{/labels}}" * 33
    assert len(said(text, {"title": "t", "labels": labels}, TEXT_OUT_MAX)) == TEXT_OUT_MAX


def test_the_language_goes_before_the_default_and_each_piece_for_itself() -> None:
    texts = {DEFAULT: {Piece.SUBJECT: "a", Piece.TEXT: "b"}, "de": {Piece.TEXT: "c"}}
    own = {
        place: {piece: read_piece(piece, text) for piece, text in some.items()}
        for place, some in texts.items()
    }
    assert find(own, Piece.TEXT, "de") == read_piece(Piece.TEXT, "c")
    assert find(own, Piece.SUBJECT, "de") == read_piece(Piece.SUBJECT, "a")
    assert find(own, Piece.TEXT, "fr") == read_piece(Piece.TEXT, "b")
    assert find(own, Piece.RESOLVED_TEXT, "de") is None


def test_what_was_stored_and_cannot_be_read_says_why() -> None:
    broken = read_piece(Piece.TEXT, "{{gone}}")
    assert isinstance(broken, Broken)
    assert broken.why.startswith("In line 1 {{gone}} names nothing")


def test_the_reference_has_every_name_with_its_meaning_and_the_bounds() -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    section = text[text.index("## Templates") : text.index("## Contact addresses")]
    rows = dict(re.findall(r"^\| `{{(\w+)}}` \| (.+) \|$", section, re.M))
    del rows["name"]  # the row of the tag
    only = OF_THE_END.texts.keys() - OF_A_PAGE.texts.keys()
    assert rows == {
        name: meaning + ("; only when it is over" if name in only else "")
        for name, meaning in OF_THE_END.texts.items()
    }
    bounds = [Piece.SUBJECT.length_max, Piece.TEXT.length_max, TAGS_MAX, TAG_LENGTH_MAX, LABELS_MAX]
    for bound in (*bounds, SUBJECT_OUT_MAX, TEXT_OUT_MAX, LINES_MAX):
        assert f" {bound:,} ".replace(",", " ") in section.replace("\n", " ")
