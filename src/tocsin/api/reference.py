"""The reference for people: one page made from the contract, without script and without anything from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template import Context, Engine
from ninja import NinjaAPI

from tocsin.api.openapi import PREFIX, Document, document_of, roles_that, scopes_that

_TEMPLATES = Path(__file__).parent / "templates"
READ = ("GET", "HEAD")


@dataclass(frozen=True)
class Kind:
    """What a value is, in a few words; `shape` is the schema to look at for more, "" for none."""

    words: str
    shape: str


@dataclass(frozen=True)
class Row:
    """One parameter or field."""

    name: str
    kind: Kind
    required: bool
    text: str


@dataclass(frozen=True)
class Entry:
    """One operation as the page shows it."""

    id: str
    method: str
    path: str
    summary: str
    text: str
    roles: str
    scopes: str
    parameters: list[Row]
    takes: Kind | None
    answers: Kind | None


@dataclass(frozen=True)
class Shape:
    """One schema as the page shows it."""

    name: str
    text: str
    rows: list[Row]
    values: str


def reference(api: NinjaAPI) -> Callable[[HttpRequest], HttpResponse]:
    """The view that answers with the page."""

    @cache
    def body() -> str:
        document = document_of(api)
        engine = Engine(dirs=[str(_TEMPLATES)])
        context = {
            "document": document,
            "prefix": PREFIX,
            "url": settings.CONFIG.url,
            "groups": _groups(document),
            "shapes": list(_shapes(document)),
        }
        return engine.get_template("reference.html").render(Context(context))

    def docs(request: HttpRequest) -> HttpResponse:
        return HttpResponse(body()) if request.method in READ else HttpResponseNotAllowed(READ)

    return docs


def stylesheet(request: HttpRequest) -> HttpResponse:
    """The page's own small sheet."""
    if request.method not in READ:
        return HttpResponseNotAllowed(READ)
    return HttpResponse((_TEMPLATES / "reference.css").read_bytes(), content_type="text/css; charset=utf-8")


def _groups(document: Document) -> dict[str, list[Entry]]:
    groups: dict[str, list[Entry]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            groups.setdefault(operation["tags"][0], []).append(_entry(method.upper(), path, operation))
    return groups


def _entry(method: str, path: str, operation: Mapping[str, Any]) -> Entry:
    right = operation["x-needs"]
    success = next(answer for code, answer in operation["responses"].items() if code.startswith("2"))
    taken = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    answered = success.get("content", {}).get("application/json", {}).get("schema", {})
    return Entry(
        id=operation["operationId"],
        method=method,
        path=path,
        summary=operation["summary"],
        text=operation.get("description", ""),
        roles=", ".join(roles_that(right)),
        scopes=", ".join(scopes_that(right)),
        parameters=[
            Row(one["name"], _kind(one["schema"]), one["required"], one.get("description", ""))
            for one in operation["parameters"]
            if one["in"] == "query"
        ],
        takes=_kind(taken) if taken else None,
        answers=_kind(answered) if answered else None,
    )


def _shapes(document: Document) -> Iterator[Shape]:
    for name, schema in sorted(document["components"]["schemas"].items()):
        required = schema.get("required", [])
        rows = [
            Row(field, _kind(part), field in required, part.get("description", ""))
            for field, part in schema.get("properties", {}).items()
        ]
        values = ", ".join(str(value) for value in schema.get("enum", []))
        yield Shape(name, schema.get("description", ""), rows, values)


def _kind(schema: Mapping[str, Any]) -> Kind:
    return Kind(kind_of(schema), next(_shapes_in(schema), ""))


def _shapes_in(part: object) -> Iterator[str]:
    if isinstance(part, Mapping):
        if "$ref" in part:
            yield str(part["$ref"]).rpartition("/")[2]
        for value in part.values():
            yield from _shapes_in(value)
    elif isinstance(part, list):
        for value in part:
            yield from _shapes_in(value)


def kind_of(schema: Mapping[str, Any]) -> str:
    """A schema in a few words: "list of IncidentOut", "text, at most 300", "text or null"."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "allOf" in schema:
        return kind_of(schema["allOf"][0])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(kind_of(part) for part in schema["anyOf"]))
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {kind_of(schema.get('items', {}))}"
    if kind == "object":
        of = schema.get("additionalProperties")
        return f"map to {kind_of(of)}" if isinstance(of, Mapping) and of else "object"
    if kind == "string":
        return _text(schema)
    low, high = schema.get("minimum"), schema.get("maximum", schema.get("exclusiveMaximum"))
    bounds = f", {low} to {high}" if low is not None and high is not None and high < 2**31 else ""
    return f"{ {'integer': 'number', 'boolean': 'true or false'}.get(kind, kind) }{bounds}"


def _text(schema: Mapping[str, Any]) -> str:
    if "examples" in schema:
        return "text like " + ", ".join(schema["examples"])
    kind = {"date-time": "instant", "uuid": "uuid"}.get(schema.get("format", ""), "text")
    return f"{kind}, at most {schema['maxLength']}" if "maxLength" in schema else kind
