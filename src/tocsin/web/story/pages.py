"""Sentences of what was sent: to whom, by which channel, and whether it arrived."""

from __future__ import annotations

from tocsin.web.story.naming import Data, Names, Sentence, begun, channel_name, person, word

WHAT = {"over": "word that it is over", "shadow": "a copy of the page", "update": "an update"}


def _whom(data: Data, names: Names) -> str:
    """Who was told: a person, or the place of that name."""
    return f"the place {data['place']}" if data.get("place") else person(data.get("user"), names)


def _sent(data: Data, actor: str, names: Names) -> tuple[str, str]:
    tries = int(data.get("attempt") or 1)
    at_last = f", at attempt {tries}" if tries > 1 else ""
    what = WHAT.get(str(data.get("what", "")), "the page")
    return f"{begun(_whom(data, names))} was sent {what} by {_channel(data)}{at_last}", ""


def _failed(data: Data, actor: str, names: Names) -> tuple[str, str]:
    why = f": {data['error']}" if data.get("error") else ""
    return f"{begun(_channel(data))} to {_whom(data, names)} did not go{why}", ""


def _undeliverable(data: Data, actor: str, names: Names) -> tuple[str, str]:
    return (
        f"{person(data.get('user'), names)} cannot be reached: {data.get('error') or 'every channel failed'}",
        "",
    )


def _unconfirmed(data: Data, actor: str, names: Names) -> tuple[str, str]:
    alone = data.get("what") in ("update", "over")  # by one channel, and no other follows
    follows = "" if alone else "; the next channel goes now"
    said = f"{begun(_channel(data))} to {_whom(data, names)} was sent, and nobody says that it arrived"
    return f"{said}{follows}", ""


def _together(data: Data, actor: str, names: Names) -> tuple[str, str]:
    whom = person(data.get("user"), names)
    return f"{whom} was told of it in the message about #{word(data, 'incident')}, by {_channel(data)}", ""


def _suppressed(data: Data, actor: str, names: Names) -> tuple[str, str]:
    if data.get("again_in"):
        whom = person(data.get("user"), names)
        return f"{whom} is not told that it is over: it fires again as #{word(data, 'again_in')}", ""
    return f"{begun(_channel(data))} to {person(data.get('user'), names)} was not needed any more", ""


def _confirmed(data: Data, actor: str, names: Names) -> tuple[str, str]:
    late = " after all" if data.get("late") else ""
    return f"The page arrived{late} at {person(data.get('user'), names)} ({_channel(data)})", ""


def _channel(data: Data) -> str:
    word = str(data.get("channel", ""))
    channel, contact = channel_name(word) or "a message", str(data.get("contact", ""))
    return f"{channel} ({contact})" if contact and contact not in (word, channel) else channel


SENTENCES: dict[str, Sentence] = {
    "page.sent": _sent,
    "page.failed": _failed,
    "page.undeliverable": _undeliverable,
    "page.suppressed": _suppressed,
    "page.confirmed": _confirmed,
    "page.together": _together,
    "page.unconfirmed": _unconfirmed,
    "page.template_failed": lambda data, actor, names: (
        f"{person(data.get('user') or data.get('place'), names)} was told in Tocsin's own words, as a template failed",
        str(data.get("error", "")),
    ),
}
