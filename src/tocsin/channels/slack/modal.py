"""The window in which somebody reports a problem, and what they wrote in it. Pure, but for the
language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext

from tocsin.channels.chatting import shorten
from tocsin.channels.slack.app import REPORT
from tocsin.channels.slack.blocks import said
from tocsin.channels.wording import clean
from tocsin.notification.hearing import Reported

TITLE_MAX = 150
TEXT_MAX = 3_000  # of an input
ERROR_MAX = 150

_URGENT, _LATER = "high", "low"


def view(place: str, text: str = "") -> dict[str, Any]:
    """The window; `place` (a room's address) is given back with what is written, `text` stands in it already."""
    how = [(gettext("Somebody is affected now"), _URGENT), (gettext("It can wait for working hours"), _LATER)]
    options = [{"text": _plain(words), "value": value} for words, value in how]
    return {
        "type": "modal",
        "callback_id": REPORT,
        "private_metadata": place,
        "title": _plain(gettext("Report a problem")),
        "submit": _plain(gettext("Open an incident")),
        "close": _plain(gettext("Cancel")),
        "blocks": [
            _input("title", gettext("What is wrong?"), {"max_length": TITLE_MAX}),
            _input(
                "text",
                gettext("What do you see, since when, and whom does it hurt?"),
                {"multiline": True, "max_length": TEXT_MAX}
                | ({"initial_value": shorten(text, TEXT_MAX)} if text.strip() else {}),
                optional=True,
            ),
            _input(
                "service",
                gettext("Service, by its ID in Tocsin, if you know it"),
                {"max_length": 64},
                optional=True,
            ),
            {
                "type": "input",
                "block_id": "urgency",
                "label": _plain(gettext("How urgent is it?")),
                "element": {
                    "type": "radio_buttons",
                    "action_id": "value",
                    "options": options,
                    "initial_option": options[0],
                },
            },
        ],
    }


def _input(name: str, label: str, more: Mapping[str, Any], optional: bool = False) -> dict[str, Any]:
    return {
        "type": "input",
        "block_id": name,
        "optional": optional,
        "label": _plain(label),
        "element": {"type": "plain_text_input", "action_id": "value", **more},
    }


def report(payload: Mapping[str, Any], address: str, name: str) -> Reported:
    """What was written in the window. Raises KeyError or TypeError for one that is not ours."""
    window = payload["view"]
    values = window["state"]["values"]
    place = str(window.get("private_metadata") or "")
    return Reported(
        address=address,
        title=clean(_written(values, "title"), TITLE_MAX),
        text=clean(_written(values, "text"), TEXT_MAX, lines=True),
        service=clean(_written(values, "service"), 64),
        urgent=values["urgency"]["value"]["selected_option"]["value"] == _URGENT,
        place=place if place.startswith("slack:") else "",
        name=name,
        id=clean(window.get("id") or "", 100),
    )


def _written(values: Mapping[str, Any], field: str) -> str:
    return str(values[field]["value"].get("value") or "")


def closing(text: str) -> dict[str, Any]:
    """The answer that shows `text` in the window's place."""
    shown = {
        "type": "modal",
        "title": _plain(gettext("Report a problem")),
        "close": _plain(gettext("Close")),
        "blocks": said(text or gettext("It is done.")),
    }
    return {"response_action": "update", "view": shown}


def mistake(text: str, about: str = "") -> dict[str, Any]:
    """The answer that leaves the window open, with `text` under the field that it is about, else under the first."""
    field = about if about in ("text", "service") else "title"
    return {"response_action": "errors", "errors": {field: shorten(clean(text, ERROR_MAX), ERROR_MAX)}}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}
