"""How operations are declared: each with the right it needs, and strict about what it is sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

from ninja import Router
from ninja.operation import Operation
from ninja.utils import contribute_operation_callback

from tocsin.api.auth import Asked, Needs
from tocsin.api.parsing import refuse_body, refuse_unknown
from tocsin.people.rules import May

View = TypeVar("View", bound=Callable[..., Any])


class Room:
    """The operations on one kind of thing. There is no way to add one without `may`."""

    def __init__(self, noun: str) -> None:
        self.router = Router(tags=[noun])

    def get(self, path: str, *, may: May, answer: Any) -> Callable[[View], View]:
        return self._operation("GET", path, may, {200: answer})

    def post(self, path: str, *, may: May, answer: Any, status: int = 200) -> Callable[[View], View]:
        return self._operation("POST", path, may, {status: answer})

    def put(self, path: str, *, may: May, answer: Any) -> Callable[[View], View]:
        """Creates (201) or replaces (200) the thing of that id; the same request again changes nothing."""
        return self._operation("PUT", path, may, {200: answer, 201: answer})

    def delete(self, path: str, *, may: May) -> Callable[[View], View]:
        return self._operation("DELETE", path, may, {204: None})

    def _operation(self, method: str, path: str, may: May, answers: dict[int, Any]) -> Callable[[View], View]:
        def add(view: View) -> View:
            contribute_operation_callback(view, _strict)
            name = view.__name__
            return self.router.api_operation(
                [method],
                path,
                auth=Needs(may),
                response=answers,
                operation_id=name,
                summary=name.replace("_", " ").capitalize(),
                openapi_extra={"x-needs": may.name.lower()},
            )(view)

        return add


def _strict(operation: Operation) -> None:
    """Refuse parameters that `operation` does not have, and a body where it takes none."""
    known = _query_names(operation)
    takes_body = any(model.__ninja_param_source__ == "body" for model in operation.models)
    view = operation.view_func

    @wraps(view)
    def strict(request: Asked, **values: Any) -> Any:
        refuse_unknown(request, known)
        if not takes_body:
            refuse_body(request)
        return view(request, **values)

    operation.view_func = strict


def _query_names(operation: Operation) -> Sequence[str]:
    names: list[str] = []
    for model in operation.models:
        if model.__ninja_param_source__ == "query":
            names += model.__ninja_flatten_map__
    return names
