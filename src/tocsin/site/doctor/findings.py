"""What is found: one thing looked at, how it is, how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

NAMED_MAX = 10  # things listed by name


class State(StrEnum):
    """How it is, from good to bad."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One thing looked at: how it is, in words, and how to mend it."""

    about: str
    state: State
    said: str
    mend: str = ""


def ok(about: str, said: str) -> Finding:
    """All is well."""
    return Finding(about, State.OK, said)


def warn(about: str, said: str, mend: str = "") -> Finding:
    """It works, and somebody should look at it."""
    return Finding(about, State.WARN, said, mend)


def fail(about: str, said: str, mend: str = "") -> Finding:
    """It does not work: somebody would not be paged, or an event not be stored."""
    return Finding(about, State.FAIL, said, mend)


def named(names: list[str]) -> str:
    """At most NAMED_MAX of the names, and how many more there are."""
    more = len(names) - NAMED_MAX
    return ", ".join(names[:NAMED_MAX]) + (f" and {more} more" if more > 0 else "")


def worst(findings: list[Finding]) -> State:
    """The worst that was found; OK when nothing was."""
    return max((finding.state for finding in findings), key=list(State).index, default=State.OK)
