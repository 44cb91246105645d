"""TwiML: the small XML that says what a call does. Everything said is escaped. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

# Voices there are for the languages that messages are written in; any other is read in English.
_VOICES = {"en": "en-GB", "de": "de-DE", "es": "es-ES", "fr": "fr-FR"}
_BREATH = "1"  # seconds between saying something twice


def said(texts: Sequence[str], language: str) -> str:
    """Say `texts` one after the other and hang up."""
    response = Element("Response")
    for place, text in enumerate(texts):
        if place:
            SubElement(response, "Pause", length=_BREATH)
        _say(response, text, language)
    return _written(response)


def asked(
    text: str, keys: str, goodbye: str, action: str, seconds: int, language: str, again: str = ""
) -> str:
    """Say `text`, when there is any, and which key does what, wait for one, and ask once more; a key goes to
    `action`. `again` says, once, which key says it all anew."""
    response = Element("Response")
    for words in (tuple(filter(None, (text, keys, again))), (keys,)):
        gather = SubElement(
            response,
            "Gather",
            {"input": "dtmf", "numDigits": "1", "timeout": str(seconds), "action": action, "method": "POST"},
        )
        for each in words:
            _say(gather, each, language)
    _say(response, goodbye, language)
    return _written(response)


def texted(text: str) -> str:
    """Answer an SMS; "" for not at all."""
    response = Element("Response")
    if text:
        SubElement(response, "Message").text = _xml_text(text)
    return _written(response)


def _say(parent: Element, text: str, language: str) -> None:
    SubElement(parent, "Say", language=_VOICES.get(language[:2], "en-GB")).text = _xml_text(text)


def _xml_text(text: str) -> str:
    """Without what XML 1.0 has no place for."""
    return "".join(
        c for c in text if c in "\t\n" or " " <= c < "\ud800" or "\ue000" <= c <= "\ufffd" or c > "\uffff"
    )


def _written(response: Element) -> str:
    return ElementTree.tostring(response, encoding="unicode")
