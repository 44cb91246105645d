"""Expectations as they stand in files of their own, or are kept with the organisation. Each mistake has its line.

    timezone: Europe/Madrid          # of times without an offset; left out: the zone of the service's schedule
    expect:
      - {at: 2026-12-25T03:00, service: payments, urgency: high, people: 2, within: 10m}
      - {at: 2026-12-24, until: 2026-12-27, service: shop}

`expect` may also be one expectation alone, and a file a list of such entries.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tocsin.kernel import spans, zones
from tocsin.kernel.durations import parse_duration
from tocsin.kernel.errors import Refused
from tocsin.kernel.moments import parse_instant, parse_wall
from tocsin.kernel.urgency import Urgency
from tocsin.organisation.compounds import read_entries
from tocsin.organisation.expect_schema import EXPECTATION
from tocsin.organisation.kinds import BAD, Reader, nearest
from tocsin.organisation.reading import File, FilesRefused, Node, read_files
from tocsin.organisation.rules import EXPECT, EXPECTATIONS_MAX
from tocsin.organisation.schedule_schema import ZONE
from tocsin.organisation.schema import SECTIONS
from tocsin.readiness.rules import WEEKS_MAX, Arrangement, Expectation, moment, zone_of

TIMEZONE = "timezone"


class ExpectationsRefused(FilesRefused):
    """Files whose expectations cannot be judged: everything that is wrong with them."""

    def __init__(self, problems: Sequence[Refused]) -> None:
        super().__init__(problems)
        mistakes = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
        self.what, self.mend = f"Nothing was checked: {mistakes}", "Mend them all, then check again."
        self.args = (self.what,)


def read_expectations(files: Sequence[File], arrangement: Arrangement) -> tuple[Expectation, ...]:
    """What the files expect of the services of `arrangement`, in their order. Raises ExpectationsRefused."""
    try:
        roots = read_files(files)
    except FilesRefused as refused:
        raise ExpectationsRefused(refused.problems) from None
    reader = Reader()
    found = [each for root in roots for each in _of_root(root, reader, arrangement)]
    if len(found) > EXPECTATIONS_MAX:
        reader.problems.append(Refused(f"{len(found)} expectations", f"at most {EXPECTATIONS_MAX}"))
    if reader.problems:
        raise ExpectationsRefused(reader.problems)
    return tuple(found)


def _of_root(root: Node, reader: Reader, arrangement: Arrangement) -> Iterator[Expectation]:
    if root.kind == "null":
        return
    for part in root.items if root.kind == "list" else [root]:
        entries = read_entries(part, reader, f"{EXPECT}: and a list of expectations")
        if entries is BAD:
            continue
        known = (EXPECT, TIMEZONE)
        for name, (key, _) in entries.items():
            if (
                name not in known and name not in SECTIONS
            ):  # of an organisation file, only this section is meant
                reader.wrong(
                    key, f"Unknown key '{name[:60]}'", f"one of {', '.join(known)}", nearest(name, known)
                )
        zone: Any = None
        if TIMEZONE in entries:
            node = entries[TIMEZONE][1]
            zone = ZONE.read(node, reader, TIMEZONE)
        for item in _items(entries[EXPECT][1], reader) if EXPECT in entries else ():
            if (read := _expectation(item, zone, reader, arrangement)) is not None:
                yield read


def _items(node: Node, reader: Reader) -> list[Node]:
    if node.kind in ("map", "null"):
        return [node] if node.kind == "map" else []
    if node.kind != "list":
        reader.wrong(node, f"{node.shown} stands where expectations belong", "a list: one '- {at: …}' each")
    return node.items


def _expectation(node: Node, file_zone: Any, reader: Reader, arrangement: Arrangement) -> Expectation | None:
    reader.places = {}
    before = len(reader.problems)
    data = EXPECTATION.read(node, reader, "")
    if data is BAD or len(reader.problems) > before or file_zone is BAD:
        return None
    try:
        return expectation_of({**data, "timezone": data["timezone"] or file_zone}, arrangement, node.where)
    except Refused as refused:
        reader.problems.append(replace(refused, where=reader.places.get(refused.where, node.where)))
        return None


def expectation_of(data: Mapping[str, Any], arrangement: Arrangement, where: str) -> Expectation:
    """What is expected in the words of the file. Raises Refused, with the key that it is about as `where`."""
    service = data["service"]
    if service not in arrangement.services:
        hint = nearest(service, arrangement.services)
        raise Refused(f"No service '{service}'", "the id of a service", hint, "service")
    named = data["timezone"]
    within = data["within"]
    return Expectation(
        service=service,
        urgency=Urgency(data["urgency"]),
        span=_span(data, zones.zone(named) if named else zone_of(arrangement, service)),
        people=data["people"],
        within=parse_duration(within) if within else None,
        where=where,
        text=in_words(data),
    )


def _span(data: Mapping[str, Any], here: ZoneInfo | None) -> spans.Span:
    """The instants that are meant. Raises Refused."""
    read = {}
    for name in ("at", "until"):
        text = data[name]
        if text is None:
            continue
        if here is None and _is_local(text):
            raise Refused(
                f"The zone of {text} is not known",
                "timezone, or an offset such as 2026-12-25T03:00+01:00",
                "The policy of the service names no schedule whose zone could be meant.",
                name,
            )
        read[name] = parse_instant(text, here or zones.zone("UTC"), name)
    if "until" not in read:
        return moment(read["at"])
    length = read["until"] - read["at"]
    if not timedelta(0) < length <= timedelta(weeks=WEEKS_MAX):
        raise Refused(
            f"From {data['at']} until {data['until']}", f"at most {WEEKS_MAX} weeks, not empty", where="until"
        )
    return spans.Span(read["at"], read["until"])


def _is_local(text: str) -> bool:
    """Whether it depends on a zone which instant it is."""
    try:
        parse_wall(text)
    except Refused:
        return False
    return True


def in_words(data: Mapping[str, Any]) -> str:
    """The expectation on one line."""
    until = f" until {data['until']}" if data["until"] else ""
    people = "1 person" if data["people"] == 1 else f"{data['people']} people"
    within = f" within {data['within']}" if data["within"] else ""
    return f"{data['service']}, {data['urgency']} urgency, {data['at']}{until}: {people}{within}"
