"""The values that only this house knows: whom a level notifies, a step of somebody's rules, a key, an event."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tocsin.catalog import actions as catalog
from tocsin.catalog import rules as catalog_rules
from tocsin.escalation import rules as escalation
from tocsin.hooks.rules import EVENTS
from tocsin.kernel.errors import Refused
from tocsin.notification.rule_actions import RULE_DELAY_MAX
from tocsin.organisation.compounds import read_entries
from tocsin.organisation.kinds import BAD, Reader, Slug, Span, nearest
from tocsin.organisation.reading import Node


@dataclass(frozen=True)
class Target:
    """Somebody a level notifies: "user:bo", "team:web", "schedule:web-primary/next", "place:ops"."""

    def read(self, node: Node, reader: Reader, path: str) -> Any:
        """The target as its shortest text; BAD for what names nobody."""
        text = reader.text(node, escalation.EXAMPLE)
        return text if text is BAD else reader.take(node, lambda: str(escalation.parse_target(text)))

    def schema(self) -> dict[str, Any]:
        """Text in the form of a target; whether there is such a one is checked later."""
        slug = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
        return {
            "type": "string",
            "pattern": f"^((user|team|place):{slug}|schedule:{slug}(/(next|previous))?)$",
        }


@dataclass(frozen=True)
class Step:
    """A contact at once, `mail`, or after a while, `{hook: 2m}`."""

    delay = Span(timedelta(0), RULE_DELAY_MAX)

    def read(self, node: Node, reader: Reader, path: str) -> Any:
        """The step as `step_as_data` writes it; BAD for an unknown form or a delay out of bounds."""
        if node.kind != "map":
            return Slug("a contact such as mail, or {mail: 2m}").read(node, reader, path)
        entries = read_entries(node, reader)
        if entries is BAD:
            return BAD
        if len(entries) != 1:
            return reader.wrong(node, f"The step has {len(entries)} contacts", "one, such as {hook: 2m}")
        ((contact, (_, value)),) = entries.items()
        delay = self.delay.read(value, reader, path)
        return BAD if delay is BAD else step_as_data(contact, delay)

    def schema(self) -> dict[str, Any]:
        """The id of a contact, or a map of one such to a delay."""
        waits = {
            "type": "object",
            "additionalProperties": self.delay.schema(),
            "minProperties": 1,
            "maxProperties": 1,
        }
        return {"anyOf": [Slug().schema(), waits]}


def step_as_data(contact: str, delay: str) -> str | dict[str, str]:
    """A step as it is written in the file: the shortest way."""
    return contact if delay == "0s" else {contact: delay}


@dataclass(frozen=True)
class Key:
    """The key of an integration. Whatever is wrong with it, it is not repeated."""

    def read(self, node: Node, reader: Reader, path: str) -> Any:
        """The key in plain; BAD for one that is too weak, without repeating it."""
        if node.kind != "str":
            return reader.wrong(node, "The key is not text", mend="Write it in quotes.")
        return reader.take(node, lambda: catalog.check_key(node.value))

    def schema(self) -> dict[str, Any]:
        """Text of the characters that a key may have."""
        return {
            "type": "string",
            "minLength": catalog.KEY_LENGTH_MIN,
            "maxLength": catalog.KEY_LENGTH_MAX,
            "pattern": "^[A-Za-z0-9_.~-]+$",
        }


@dataclass(frozen=True)
class EventName:
    """The type of an event that a webhook is told."""

    def read(self, node: Node, reader: Reader, path: str) -> Any:
        """The type, as text; BAD with the nearest one for another."""
        text = reader.text(node, "the type of an event")
        if text is BAD or text in EVENTS:
            return text
        return reader.wrong(
            node, f"There is no event {node.shown}", f"one of {', '.join(EVENTS)}", nearest(text, EVENTS)
        )

    def schema(self) -> dict[str, Any]:
        """The types that there are."""
        return {"enum": list(EVENTS)}


def check_field(text: str) -> str:
    """The name of a field of alerts, as it is. Raises Refused when it is empty or too long."""
    if not text.strip() or len(text) > catalog_rules.GROUP_FIELD_LENGTH_MAX:
        raise Refused(
            f"{text[:60]!r} is not a field of an alert", "a name such as alertname or labels.region"
        )
    return text


def check_workaround(text: str) -> str:
    """The workaround without space around it. Raises Refused when it is too long."""
    if len(text) > catalog.WORKAROUND_LENGTH_MAX:
        raise Refused("The workaround is too long", f"at most {catalog.WORKAROUND_LENGTH_MAX} characters")
    return text.strip()


def check_description(text: str) -> str:
    """The description without space around it. Raises Refused when it is too long."""
    if len(text) > catalog.DESCRIPTION_LENGTH_MAX:
        raise Refused("The description is too long", f"at most {catalog.DESCRIPTION_LENGTH_MAX} characters")
    return text.strip()
