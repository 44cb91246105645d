"""The journal of one incident in plain words. Pure: entries and names in, sentences out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from tocsin.web.story import climbs, incidents, pages
from tocsin.web.story.naming import Data, Names, Sentence, party, way

PLAIN = ("web", "event", "engine")  # which need no word
SENTENCES: dict[str, Sentence] = incidents.SENTENCES | climbs.SENTENCES | pages.SENTENCES
STRONG = frozenset(
    {
        "incident.opened",
        "incident.acknowledged",
        "incident.snoozed",
        "incident.ack_expired",
        "incident.resolved",
        "incident.reopened",
        "incident.closed",
        "incident.worsened",
        "climb.exhausted",
        "climb.nobody",
        "climb.alone",
        "page.undeliverable",
    }
)


@dataclass(frozen=True)
class Told:
    """One line of the timeline. `said` is what somebody wrote; `strong` marks a change of state."""

    seq: int
    at: datetime
    text: str
    said: str = ""
    strong: bool = False
    times: int = 1
    until: datetime | None = None  # the instant that the sentence ends with


def tell(seq: int, kind: str, data: Data, who: str, through: str, at: datetime, names: Names) -> Told:
    """The entry as a sentence; a kind that nobody has words for is told by its name."""
    actor = party(who, names)
    how = f" {way(through)}" if through not in PLAIN and who.startswith("user:") else ""
    sentence = SENTENCES.get(kind)
    if sentence is None:
        text, said = f"{actor}: {kind.replace('.', ' ').replace('_', ' ')}", ""
    else:
        text, said = sentence(data, actor, names)
    did, semicolon, besides = text.partition(";")
    until = (
        datetime.fromisoformat(str(data["until"])) if kind == "climb.waits" and data.get("until") else None
    )
    return Told(seq, at, did + how + semicolon + besides + ".", said, kind in STRONG, until=until)


def folded(lines: Iterable[Told]) -> list[Told]:
    """The lines, the newest first, with neighbours that say the same made one that counts them."""
    out: list[Told] = []
    for line in lines:
        if out and not line.said and (out[-1].text, out[-1].said) == (line.text, ""):
            out[-1] = replace(out[-1], times=out[-1].times + 1)
        else:
            out.append(line)
    return out
