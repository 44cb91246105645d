"""The organisation file that, applied now, changes nothing."""

from __future__ import annotations

from typing import Any

import yaml

from tocsin.catalog import actions as catalog
from tocsin.catalog.models import Integration
from tocsin.organisation import rules
from tocsin.organisation.compounds import LEFT
from tocsin.organisation.expect_schema import EXPECTATION
from tocsin.organisation.plan import read_current
from tocsin.organisation.provider_kinds import without_defaults
from tocsin.organisation.rules import Data
from tocsin.organisation.schema import INTEGRATION, LISTS
from tocsin.organisation.template_kinds import WORDS


def export(keys: bool = False) -> str:
    """The file that, applied now, changes nothing; in a stable order, without what is as shipped.

    `keys` puts the integrations' keys in, in plain text; without them the file keeps what there is. The secrets of
    providers and of webhooks are never in it, so it keeps those.
    """
    state = read_current()
    whole: dict[str, Any] = {rules.ORGANISATION: dict(state[rules.ORGANISATION][rules.THE_ORGANISATION])}
    expected = whole[rules.ORGANISATION].pop(rules.EXPECT)
    plain = {row.id: catalog.reveal_key(row) for row in Integration.objects.all()} if keys else {}
    for section, record in LISTS.items():
        whole[section] = [_shortened(record, {"id": key, **data}) for key, data in state[section].items()]
    for provider, data in zip(whole[rules.PROVIDERS], state[rules.PROVIDERS].values(), strict=True):
        provider["settings"] = without_defaults(data)
    for service in whole[rules.SERVICES]:
        service["integrations"] = [
            _shortened(INTEGRATION, {"id": key, **data, "key": plain.get(key, LEFT)})
            for key, data in state[rules.INTEGRATIONS].items()
            if data["service"] == service["id"]
        ]
    if words := state[rules.TEMPLATES]:
        whole[rules.TEMPLATES] = {key: _Block(_shortened(WORDS, data)) for key, data in words.items()}
    if expected:
        whole[rules.EXPECT] = [_shortened(EXPECTATION, each) for each in expected]
    return yaml.dump(
        whole, Dumper=_Dumper, default_flow_style=None, sort_keys=False, allow_unicode=True, width=100
    )


def _shortened(record: Any, data: Data) -> dict[str, Any]:
    """`data` in the order of the declaration, without what it would be anyway."""
    return {
        each.name: data[each.name]
        for each in record.fields
        if each.name in data and data[each.name] is not LEFT and data[each.name] != each.default
    }


class _Block(dict[str, Any]):
    """A map whose texts of many lines are written line by line."""


class _Dumper(yaml.SafeDumper):
    """Indents lists under their key and writes no aliases: a file for people."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _write_block(dumper: yaml.SafeDumper, block: _Block) -> yaml.Node:
    node = dumper.represent_mapping("tag:yaml.org,2002:map", block, flow_style=False)
    for _, value in node.value:
        if isinstance(value, yaml.ScalarNode) and "\n" in value.value:
            value.style = "|"
    return node


_Dumper.add_representer(_Block, _write_block)
