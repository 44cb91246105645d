"""Untrusted text: cut with a mark, cleaned, never nested too deeply, whatever it holds."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.sources.asking import KEY, NOW, ask, event
from tocsin.intake.hot_body import clean
from tocsin.intake.rules import DEPTH_MAX, FIELD_LENGTH_MAX, FIELDS_MAX, TITLE_LENGTH_MAX
from tocsin.kernel.errors import Refused
from tocsin.sources import reading

HOOK = f"/hooks/{KEY}"


def depth(value: object) -> int:
    """How deep it really is, found by walking."""
    deepest, todo = 0, [(value, 0)]
    while todo:
        one, level = todo.pop()
        if isinstance(one, dict | list):
            deepest = max(deepest, level + 1)
            todo += [(item, level + 1) for item in (one.values() if isinstance(one, dict) else one)]
    return deepest


def nested(levels: int) -> object:
    value: object = 'a "text" with } and ] and \\'
    for level in range(levels):
        value = {"k]": value, "n": [1]} if level % 2 else [value, '{"'] * 1
    return value


@settings(max_examples=150, derandomize=True, deadline=None)
@given(
    st.recursive(st.none() | st.text('ab{}[]"\\', max_size=4), lambda inner: st.lists(inner, max_size=3)
                 | st.dictionaries(st.text('x{]"\\', max_size=3), inner, max_size=3), max_leaves=60),
    st.integers(0, 40),
)  # fmt: skip
def test_depth_is_judged_as_walking_would(value: object, levels: int) -> None:
    for _ in range(levels):
        value = [value]
    assert reading.too_deep(json.dumps(value).encode()) is (depth(value) > DEPTH_MAX)


def test_depth_is_judged_exactly_at_the_bound_with_brackets_inside_texts() -> None:
    assert (
        not reading.too_deep(json.dumps(nested(DEPTH_MAX)).encode()) or depth(nested(DEPTH_MAX)) > DEPTH_MAX
    )
    assert reading.too_deep(json.dumps(nested(DEPTH_MAX + 1)).encode())


PIECES = ["\\", "\\\\", "\\u0000", "\\ud83d", "\\ude00", "\\u00e9", "x"]


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12))
@example(["\\ud83d", "\\ude00"])
@example(["\\\\", "\\u0000"])
def test_what_is_cleaned_holds_no_nul_and_no_half_pair(pieces: list[str]) -> None:
    text = '"' + "".join(pieces) + '"'
    try:
        before = json.loads(text)
    except ValueError:
        return
    after = json.loads(clean(text.encode()))
    expected = "".join("\ufffd" if c == "\x00" or 0xD800 <= ord(c) < 0xE000 else c for c in before)
    assert after == expected


def test_texts_are_cut_with_a_mark_and_never_in_mid_character() -> None:
    family = "\U0001f469\u200d\U0001f469\u200d\U0001f467"
    for text in ("x" * 100_000, family * 40_000, "é" * 5_000):
        title = event(HOOK, {"summary": text}).title
        assert len(title) <= TITLE_LENGTH_MAX and title.endswith(reading.CUT)
        assert not title.removesuffix(reading.CUT).endswith("\u200d")
        title.encode()


def test_a_title_is_one_line_without_control_characters() -> None:
    assert event(HOOK, {"summary": "a\r\nBcc: x\x1b[31m\ttail"}).title == "a Bcc: x [31m tail"


def test_ten_thousand_labels_and_a_label_of_a_megabyte_are_bounded_and_say_so() -> None:
    labels = {f"l{n}": "v" for n in range(10_000)}
    it = event("/api/v2/alerts", [{"labels": labels}])
    assert (
        len(it.fields) == FIELDS_MAX and it.fields["(left out)"] == f"{10_000 - FIELDS_MAX + 1} more fields"
    )
    big = event("/api/v2/alerts", [{"labels": {"a": "x" * 400_000}}])
    assert len(big.fields["a"]) == FIELD_LENGTH_MAX and big.fields["a"].endswith(reading.CUT)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2015-07-17T08:42:58.315+0000", datetime(2015, 7, 17, 8, 42, 58, 315000, UTC)),
        ("2026-03-02T10:00:00+01:00", NOW),
        ("2026-03-02T09:00:00+00:00Z", NOW),
        ("2026-03-02T09:00:00.000000000Z", NOW),
        ("2026-03-02 09:00:00", NOW),
        (NOW.timestamp(), NOW),
        (int(NOW.timestamp() * 1000), NOW),
        ("soon", None),
        ("0000-13-99", None),
        (-1, None),
        (1e300, None),
        (True, None),
    ],
)
def test_instants_are_read_as_senders_write_them(text: object, at: datetime | None) -> None:
    assert reading.instant(text) == at


def test_the_last_of_two_equal_names_counts_when_checked_and_when_read() -> None:
    it = event(HOOK, b'{"summary": "first", "summary": "second", "__proto__": {"x": 1}, "Summary": "third"}')
    assert it.title == "second" and it.raw["summary"] == "second"
    assert it.fields == {"__proto__.x": "1", "Summary": "third"}


@settings(max_examples=400, derandomize=True, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode), st.sampled_from([
    HOOK, HOOK + "/alertmanager", "/api/v2/alerts", "/v2/enqueue", "/v2/alerts", "/v2/alerts/a/close"]))  # fmt: skip
def test_any_bytes_are_refused_or_read_never_anything_else(body: bytes, path: str) -> None:
    try:
        accepted = ask(path, body)
    except Refused as refused:
        assert 400 <= refused.status < 500
    else:
        _read_again(accepted)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
ODD = ("severity", "key", "status", "labels", "details", "timestamp", "url", "note", "x")
PAYLOAD = st.fixed_dictionaries(
    {
        "summary": st.text(min_size=1),
        "source": st.text(min_size=1),
        "severity": st.just("info"),
        "custom_details": VALUES,
        "timestamp": VALUES,
    }
)
EVENT = st.fixed_dictionaries(
    {
        "routing_key": st.just(KEY),
        "event_action": st.sampled_from(["trigger", "resolve"]),
        "dedup_key": st.text(min_size=1, max_size=9),
        "payload": PAYLOAD,
    }
)
GENIE = st.fixed_dictionaries(
    {"message": st.text(min_size=1), "details": VALUES, "alias": VALUES, "tags": VALUES}
)
ALERT = st.fixed_dictionaries(
    {"labels": st.dictionaries(st.text(), st.text() | VALUES, min_size=1)},
    optional=dict.fromkeys(("annotations", "startsAt", "endsAt", "generatorURL"), VALUES),
)
PLAIN = st.fixed_dictionaries({"summary": st.text() | VALUES}, optional=dict.fromkeys(ODD, VALUES))
SHAPES = st.one_of(
    PLAIN.map(lambda it: (HOOK, it)),
    EVENT.map(lambda it: ("/v2/enqueue", it)),
    GENIE.map(lambda it: ("/v2/alerts", it)),
    st.lists(ALERT, min_size=1, max_size=3).map(lambda it: ("/api/v2/alerts", it)),
)


@settings(max_examples=400, derandomize=True, deadline=None)
@given(SHAPES)
def test_any_values_in_the_right_places_are_refused_or_read_clean(shape: tuple[str, object]) -> None:
    path, body = shape
    try:
        accepted = ask(path, json.dumps(body).encode())
    except Refused as refused:
        assert 400 <= refused.status < 500
    else:
        _read_again(accepted)


def _read_again(accepted: object) -> None:
    """What was accepted can be read, and holds nothing that a database or an encoder refuses."""
    from tocsin import sources

    found = sources.READERS[accepted.source](accepted.body, accepted.meta, NOW)  # type: ignore[attr-defined]
    for it in found:
        texts = [it.key, it.title, it.description, it.note, it.user, *it.fields, *it.fields.values()]
        assert not any("\x00" in text for text in texts)
        "".join(texts).encode()
        assert "\\u0000" not in json.dumps(it.raw)
        json.dumps(it.raw, allow_nan=False)
        assert len(it.fields) <= FIELDS_MAX


def test_the_worst_bodies_are_judged_in_a_moment() -> None:
    half = 250_000
    worst = [
        b"[" * half, b"[" * half + b"]" * half, b'{"a":' * 80_000, b'"' + b"\\" * half, b"[]" * half,
        b'["' + b"{" * half, b"\\u0000" * 80_000, b'{"summary":' + b"9" * half + b"}", b'"\\ud800"' * 60_000,
    ]  # fmt: skip
    began = time.process_time()
    for body in worst:
        with pytest.raises(Refused):
            ask(HOOK, body)
    assert (
        time.process_time() - began < 20
    )  # seconds for all: a guard against something quadratic, not a measure
