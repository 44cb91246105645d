"""The contract: every operation, what it needs, what it takes, what it answers."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from ninja import NinjaAPI

from tocsin.api.errors import Problem
from tocsin.people.rules import SCOPES, TABLE, May, Role, Scope

PREFIX = "/api/v1/"
Document = dict[str, Any]
_PROBLEM = {"$ref": "#/components/responses/Problem"}


def document_of(api: NinjaAPI) -> Document:
    """The OpenAPI 3.1 document. It holds nothing of this instance, so anybody may read it."""
    document: Document = json.loads(in_plain_words(json.dumps(api.get_openapi_schema(path_prefix=PREFIX))))
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    components = document["components"]
    components["schemas"] |= problem.pop("$defs") | {"Problem": problem}
    components["responses"] = {
        "Problem": {
            "description": "Refused: what happened, what was expected, how to mend it",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    }
    components["securitySchemes"] = {
        "token": {
            "type": "http",
            "scheme": "bearer",
            "description": "From your profile, or: tocsin token add",
        },
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": "session",
            "description": "A signed-in browser (over TLS the cookie is called __Host-session);"
            " what changes something also needs the header X-CSRFToken",
        },
    }
    for methods in document["paths"].values():
        for operation in methods.values():
            operation["security"] = [{"token": []}, {"session": []}]
            operation["responses"]["default"] = _PROBLEM
    return document


def in_plain_words(document: str) -> str:
    """The names of schemas as people say them: IncidentOut -> Incident, ServiceBody -> ServiceToSave."""
    document = re.sub(r"\bListing_(\w+?)Out_", r"ListOf\1s", document)
    document = re.sub(r"\b([A-Z][A-Za-z]+)Out\b", r"\1", document)
    return re.sub(r"\b([A-Z][A-Za-z]+)Body\b", r"\1ToSave", document)


def roles_that(right: str) -> list[str]:
    """Who may do what an operation's `x-needs` names."""
    return [role.value for role in Role if May[right.upper()] in TABLE[role]]


def scopes_that(right: str) -> list[str]:
    return [scope.value for scope in Scope if May[right.upper()] in SCOPES[scope]]


def serve(api: NinjaAPI) -> Any:
    """The view that answers with the document."""

    @cache
    def body() -> bytes:
        return json.dumps(document_of(api), separators=(",", ":")).encode()

    def openapi_json(request: HttpRequest) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        return HttpResponse(body(), content_type="application/json")

    return openapi_json
