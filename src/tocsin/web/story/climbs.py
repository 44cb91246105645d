"""Sentences of the way up a policy: who is paged when, and what happens when nobody can be."""

from __future__ import annotations

from collections.abc import Mapping

from tocsin.web.story.naming import Data, Names, Sentence, people, word


def _climb_paged(data: Data, actor: str, names: Names) -> tuple[str, str]:
    again = f", round {data['round']}" if int(data.get("round") or 1) > 1 else ""
    return (
        f"Level {word(data, 'level')}{again} pages {people(data, names)}{_and_tells(data)}{_passed(data)}",
        "",
    )


def _and_tells(data: Data) -> str:
    """Which places are told besides; "" for none."""
    told = [str(place) for place in data.get("places") or ()]
    return f" and tells {', '.join(told)}" if told else ""


def _passed(data: Data) -> str:
    """Why levels were passed over, in brackets; "" when none was and every schedule had somebody on call."""
    closed = data.get("closed") or []
    nobody = [level for level in data.get("skipped") or () if level not in closed]
    why = [f"nobody on level {', '.join(map(str, nobody))}"] if nobody else []
    why += [f"level {level} is for other hours" for level in closed]
    why += [_nobody_on(str(target)) for target in data.get("empty") or ()]
    return f" ({', '.join(why)})" if why else ""


def _nobody_on(target: str) -> str:
    """That nobody was behind "schedule:web-primary/next"."""
    schedule, _, shift = target.partition(":")[2].partition("/")
    when = {"next": "nobody comes next on", "previous": "nobody came before on"}
    return f"{when.get(shift, 'nobody was on call for')} {schedule}"


def _climb_waits(data: Data, actor: str, names: Names) -> tuple[str, str]:
    return f"Every level is for other hours; it waits until level {word(data, 'level')} opens", ""


def _climb_exhausted(data: Data, actor: str, names: Names) -> tuple[str, str]:
    return f"Nobody answered on any level; {people(data, names)} told as a last resort", ""


def _climb_nobody(data: Data, actor: str, names: Names) -> tuple[str, str]:
    return f"The policy reaches nobody{_passed(data)}; {people(data, names)} told instead", ""


def _climb_pushed(data: Data, actor: str, names: Names) -> tuple[str, str]:
    labels = (
        ("what_happens", "What happens"),
        ("impact", "Impact"),
        ("tried", "Tried so far"),
        ("help_needed", "Help needed"),
    )
    note = "\n".join(f"{label}: {data[key]}" for key, label in labels if data.get(key))
    return f"{actor} escalated to the next level", note


def _break_glass(data: Data, actor: str, names: Names) -> tuple[str, str]:
    told = [each for each in data.get("told", ()) if isinstance(each, Mapping)]
    parts = [f"{each.get('to')} by {each.get('channel')}: {each.get('error') or 'sent'}" for each in told]
    return "The break-glass list was told", "; ".join(parts)


SENTENCES: dict[str, Sentence] = {
    "climb.started": lambda data, actor, names: ("The policy begins at its first level", ""),
    "climb.paged": _climb_paged,
    "climb.waits": _climb_waits,
    "climb.resumed": lambda data, actor, names: (
        "Tocsin stood still while the next level was due; it goes on in a moment, after what came meanwhile",
        "",
    ),
    "climb.exhausted": _climb_exhausted,
    "climb.nobody": _climb_nobody,
    "climb.pushed": _climb_pushed,
    "climb.alone": lambda data, actor, names: (
        "Nobody could be reached, by any message: the alarm sounds, and the policy begins again",
        "",
    ),
    "climb.last_resort": lambda data, actor, names: (
        f"The last resort was run: {word(data, 'outcome')}",
        "",
    ),
    "climb.break_glass": _break_glass,
    "climb.held": lambda data, actor, names: (
        "The climb is held: this Tocsin was restored from a backup",
        "Escalate by hand, or acknowledge it, when it still matters.",
    ),
    "climb.set_aside": lambda data, actor, names: (
        "The policy could not be followed; the fallback contact is told",
        str(data.get("problem", "")),
    ),
}
