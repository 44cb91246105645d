"""What a report says in one line, which open incidents it may be about, and what its reporter is told. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from tocsin.incident.rules import State
from tocsin.kernel.phrases import phrase
from tocsin.kernel.text import cut

TITLE_LENGTH_MAX = 150
TEXT_LENGTH_MAX = 10_000
REPORTS_PER_REPORTER = 10  # in REPORTS_WITHIN
REPORTS_OF_STRANGERS = 60  # in REPORTS_WITHIN, from everybody without an account together
REPORTS_WITHIN = timedelta(hours=1)
UPDATES_MAX = 12  # that the reporter of one report is told
SIMILAR_MAX = 5
_WORD = re.compile(r"\w{4,}")


class Became(StrEnum):
    """What a report has become."""

    OPEN = "open"  # an incident of its own
    LINKED = "linked"  # the same as an incident that was open
    DECLINED = "declined"  # nothing to be done, for a reason
    ENDED = "ended"  # over, and its reporter knows


def title_of(title: str, text: str) -> str:
    """One line for the incident: the title, else the first line that says something."""
    for line in (title, *text.split("\n")):
        if words := " ".join(line.split()):
            return cut(words, TITLE_LENGTH_MAX)
    return ""


def similar(said: str, others: Iterable[tuple[int, str]]) -> tuple[int, ...]:
    """The numbers of those of `others` (number, title) that share words with what is said, the most alike first."""
    words = set(_WORD.findall(said.casefold()))
    alike = [(len(words & set(_WORD.findall(title.casefold()))), number) for number, title in others]
    return tuple(number for shared, number in sorted(alike, key=lambda each: (-each[0], each[1])) if shared)[
        :SIMILAR_MAX
    ]


@dataclass(frozen=True)
class Update:
    """What a reporter is told, and whether it is the last."""

    text: str
    last: bool = False


def update_of(told: str, state: State, holder: str, note: str = "") -> Update | None:
    """What to tell about an incident in `state` to who was last told of `told` ("" for nothing yet); None when there
    is nothing new that they need to know. `note` is what whoever ended it wrote."""
    if told == state:
        return None
    if state is State.ACKNOWLEDGED:
        return Update(phrase("%(who)s has it now.", who=holder or phrase("Somebody")))
    if state is State.TRIGGERED:
        return Update(phrase("It is being looked at again.")) if told else None
    return Update(phrase("It is over: %(note)s", note=note) if note else phrase("It is over."), last=True)
