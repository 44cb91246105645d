"""tocsin check: whether somebody would come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from tocsin.cli.door import open_door
from tocsin.cli.incident import Json
from tocsin.cli.organisation import read_text
from tocsin.cli.say import line, say, say_json
from tocsin.kernel.durations import in_words, parse_duration

UNTRIED = "untried"
Flag = Parameter(negative=())


def check(
    *files: Path,
    weeks: int | None = None,
    people: int = 1,
    within: str | None = None,
    verified: Annotated[bool, Flag] = False,
    organisation: Annotated[list[Path] | None, Parameter(name="--as-if", negative=())] = None,
    as_json: Json = False,
) -> int:
    """Say what is missing: gaps, people who cannot be reached, expectations not met. Exits with 1 for any of these.

    Parameters
    ----------
    files
        Files with expectations: `expect: [{at: 2026-12-25T03:00, service: payments, people: 2, within: 10m}]`.
    weeks
        How far ahead; 90 days when left out.
    people
        So many different people have to be reached for every service.
    within
        In this time, such as 15m; at all when left out.
    verified
        People to whom no message has ever been sent count as missing.
    organisation
        As if this organisation file were applied; may be repeated.
    """
    body = {
        "files": _given(files),
        "weeks": weeks,
        "people": people,
        "within": within,
        "verified": verified,
        "organisation": _given(organisation or ()),
    }
    with open_door() as door:
        found = door.post("check", body)
    if as_json:
        say_json(found)
    else:
        say("\n".join(_told(found, demanded=people > 1 or within is not None, verified=verified)))
    return 0 if found["passed"] else 1


def _given(files: Sequence[Path]) -> list[dict[str, str]]:
    return [{"name": str(path), "text": read_text(path)} for path in files]


def _told(found: Mapping[str, Any], demanded: bool, verified: bool) -> Iterator[str]:
    """What was found, for a person to read; what is worst first."""
    missing = [gap for gap in found["gaps"] if verified or gap["kind"] != UNTRIED]
    for same in _alike(missing):
        yield from _gap(same)
    for proof in found["proofs"] if demanded else ():
        yield from _proof(proof)
    failed = [each for each in found["expectations"] if not each["met"]]
    for each in failed:
        yield f"{each['where']}: not met: {line(each['text'])}"
        yield f"  {line(each['why'])}"
    untried = sorted({gap["about"] for gap in found["gaps"] if gap["kind"] == UNTRIED})
    if untried and not verified:
        yield f"No message has ever been sent to {', '.join(untried)}: a test would show whether it arrives."
    count = len(found["expectations"])
    said = [_counted(len(missing) + found["left_out"], "gap")]
    if demanded and found["proofs"]:
        said.append(f"{_counted(len(found['proofs']), 'proof')} not holding")
    said.append(
        f"{count - len(failed)} of {_counted(count, 'expectation')} met" if count else "nothing expected"
    )
    yield f"{'Covered' if found['passed'] else 'Not covered'}: {', '.join(said)}."


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _alike(gaps: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Gaps that differ in nothing but their hours, together, in the order of the first of each."""
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for gap in gaps:
        key = gap["kind"], gap["about"], gap["level"], tuple(gap["urgencies"]), gap["why"]
        groups.setdefault(key, []).append(gap)
    return list(groups.values())


def _gap(same: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    first = same[0]
    about = first["about"] + (f", level {first['level']}" if first["level"] else "")
    kind = "policy" if first["kind"] == "level" else "person" if first["kind"] == UNTRIED else first["kind"]
    urgency = f" at {first['urgencies'][0]} urgency" if len(first["urgencies"]) == 1 else ""
    yield f"{kind} {about}{urgency}: {_hours(first)}{_more(same)}"
    yield f"  {line(first['why'])} {line(first['mend'])}"


def _proof(proof: Mapping[str, Any]) -> Iterator[str]:
    worst = f"after {_length(proof['worst'])}" if proof["worst"] else "never"
    yield f"service {proof['service']} at {proof['urgency']} urgency: at worst {worst}"
    for weak in proof["weak"][:3]:
        yield f"  {_hours(weak)}: {line(weak['why'])}"
    if (more := len(proof["weak"]) + proof["weak_left_out"] - 3) > 0:
        yield f"  … and {more} more"


def _hours(span: Mapping[str, Any]) -> str:
    """When it begins and how long it lasts, on the reader's clock."""
    start, end = datetime.fromisoformat(span["starts_at"]), datetime.fromisoformat(span["ends_at"])
    return f"{start.astimezone():%a %Y-%m-%d %H:%M %Z}, for {in_words(end - start)}"


def _more(same: Sequence[Mapping[str, Any]]) -> str:
    if len(same) == 1:
        return ""
    spans = [
        datetime.fromisoformat(gap["ends_at"]) - datetime.fromisoformat(gap["starts_at"]) for gap in same
    ]
    return f" (and {len(same) - 1} more times, {in_words(sum(spans, timedelta(0)))} in all)"


def _length(text: str) -> str:
    return in_words(parse_duration(text))
