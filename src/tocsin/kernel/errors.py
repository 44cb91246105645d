"""The one error that is shown to people."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(eq=False)
class Refused(Exception):
    """Something asked for cannot be done; says what happened, what was expected, and how to mend it.

    `where` is a field name, a JSON path or "file:line"; `status` is the HTTP status an edge answers with.
    Messages never contain secrets, paths of the machine or SQL.
    """

    what: str
    expected: str = ""
    mend: str = ""
    where: str = ""
    status: int = 400

    def __post_init__(self) -> None:
        super().__init__(self.what)

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        expected = f" Expected {self.expected}." if self.expected else ""
        mend = f" {self.mend}" if self.mend else ""
        return f"{place}{self.what.rstrip('.')}.{expected}{mend}"


def not_found(noun: str, key: object) -> Refused:
    """The refusal for something absent or not visible: the same words for both, so that nothing leaks."""
    return Refused(f"No {noun} '{key}'", mend=f"List what there is to find the right {noun}.", status=404)


def conflict(what: str, mend: str = "") -> Refused:
    """A refusal because of how things stand now (409)."""
    return Refused(what, mend=mend, status=409)
