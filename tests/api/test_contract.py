"""The document is the contract: it is whole, it changes only on purpose, and the page for people says the same."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tests.api.test_permissions import ALL, need
from tocsin.api.openapi import PREFIX, document_of, in_plain_words
from tocsin.api.urls import api

KEPT = Path(__file__).parents[2] / "docs" / "reference" / "openapi.json"
REWRITE = "TOCSIN_WRITE_CONTRACT"


@pytest.fixture
def document() -> dict[str, Any]:
    return document_of(api)


def test_the_contract_is_the_one_in_the_documentation(document: dict[str, Any]) -> None:
    """Other people's scripts rely on it. To change it on purpose: TOCSIN_WRITE_CONTRACT=1 pytest THIS_FILE."""
    text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    if os.environ.get(REWRITE):
        KEPT.write_text(text)
    assert KEPT.read_text() == text, f"the contract changed; if on purpose, run this test with {REWRITE}=1"


def test_it_is_openapi_3_1_and_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    for reference in references(document):
        target: Any = document
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]
        assert target


def references(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def test_every_operation_is_in_it_once_with_what_it_needs(document: dict[str, Any]) -> None:
    written = {
        (method.upper(), path.removeprefix(PREFIX.rstrip("/"))): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert set(written) == {(method, path) for method, path, _ in ALL}
    for method, path, operation in ALL:
        assert written[method, path]["x-needs"] == need(operation).name.lower()
        assert "default" in written[method, path]["responses"]
    names = [operation["operationId"] for operation in written.values()]
    assert len(names) == len(set(names))


def test_two_schemas_never_share_a_name(document: dict[str, Any]) -> None:
    """The framework would quietly keep one of them."""
    names = [in_plain_words(model.__name__) for model in all_models()]
    assert sorted(names) == sorted(set(names))
    assert not [name for name in document["components"]["schemas"] if name.endswith(("Out", "Body"))]


def all_models() -> set[type]:
    from pydantic import BaseModel

    def below(kind: type) -> Iterator[type]:
        for sub in kind.__subclasses__():
            yield sub
            yield from below(sub)

    return {model for model in below(BaseModel) if model.__module__.startswith("tocsin.api.")}


def test_what_a_client_sends_has_no_room_for_more(document: dict[str, Any]) -> None:
    for methods in document["paths"].values():
        for operation in methods.values():
            body = operation.get("requestBody")
            if body is None:
                continue
            for reference in references(body["content"]["application/json"]["schema"]):
                schema = document["components"]["schemas"][reference.rpartition("/")[2]]
                assert schema["additionalProperties"] is False, reference


def test_every_list_is_bounded(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for one in methods.get("get", {}).get("parameters", []):
            if one["name"] == "limit":
                assert one["schema"]["maximum"] == 200, path


class Page(HTMLParser):
    """What a browser would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("script", "style") or any(name.startswith("on") or name == "style" for name in given):
            self.inline.append(tag)
        if tag in ("link", "img", "script", "iframe"):
            self.loads.append(given.get("href") or given.get("src") or "")
        if tag == "a":
            self.links.append(given.get("href") or "")
        if given.get("id"):
            self.ids.add(str(given["id"]))


def test_the_page_for_people_names_every_operation_and_loads_nothing_from_elsewhere(
    db: None, document: dict[str, Any]
) -> None:
    answer = Client().get(f"{PREFIX}docs")
    assert answer.status_code == 200
    page = Page()
    page.feed(answer.content.decode())
    assert page.inline == []
    assert page.loads == [f"{PREFIX}docs.css"]
    assert Client().get(page.loads[0]).status_code == 200
    for link in page.links:
        assert link == f"{PREFIX}openapi.json" or link.removeprefix("#") in page.ids, link
    for methods in document["paths"].values():
        for operation in methods.values():
            assert operation["operationId"] in page.ids
    assert "'unsafe" not in answer.headers["Content-Security-Policy"]


def test_the_document_is_served_to_anybody_and_says_nothing_of_this_instance(db: None) -> None:
    answer = Client().get(f"{PREFIX}openapi.json")
    assert answer.status_code == 200
    assert json.loads(answer.content)["info"]["title"] == "Tocsin"
    assert not re.search(r"127\.0\.0\.1|example\.com|tok_[0-9a-f]", answer.content.decode())
    assert Client().post(f"{PREFIX}openapi.json").status_code == 405
