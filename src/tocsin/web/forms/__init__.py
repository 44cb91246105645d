"""What every form does alike: keep what was typed, say what is wrong beside the field, save once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, models, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from tocsin.incident.readers import viewer_of
from tocsin.incident.rules.restricting import Viewer
from tocsin.kernel.acting import By, by_user
from tocsin.kernel.durations import format_duration, parse_duration
from tocsin.kernel.errors import Refused
from tocsin.kernel.ids import SLUG_LENGTH_MAX, slug_of
from tocsin.people.models import User
from tocsin.people.speaking import refusal_words

UNPROCESSABLE = 422


def asker(request: HttpRequest) -> User:
    """The person behind a request that the guard let through."""
    return cast(User, request.user)


def viewer(request: HttpRequest) -> Viewer:
    """The same, as the rule sees them that says who reads what is restricted."""
    return viewer_of(asker(request))


def by(request: HttpRequest) -> By:
    return by_user(asker(request).pk, "web")


def instant(request: HttpRequest) -> datetime:
    """When the request came."""
    return cast(datetime, request.now)  # type: ignore[attr-defined]


def previews(request: HttpRequest) -> bool:
    """Whether the page only asks what its form would change, while it is filled in: nothing is saved then."""
    return request.method == "POST" and bool(request.headers.get("HX-Request"))


class DurationField(forms.CharField):
    """A length of time as people write it: 90s, 5m, 1h30m, 2d. Empty is None."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=20, **kwargs)
        self.widget.attrs |= {"size": 8, "autocomplete": "off", "spellcheck": "false", "class": "short"}

    def prepare_value(self, value: Any) -> Any:
        return format_duration(value) if isinstance(value, timedelta) else value

    def clean(self, value: Any) -> timedelta | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            return parse_duration(text)
        except Refused as refused:
            raise ValidationError(words(refused)) from None


class IdField(forms.SlugField):
    """The id under which files and addresses name something; it stays for ever."""

    def __init__(self) -> None:
        super().__init__(
            max_length=SLUG_LENGTH_MAX,
            required=False,
            label="Id",
            help_text="For addresses and files; it stays for ever. Left empty, it is made from the name.",
        )
        self.widget.attrs |= {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}


def words(refused: Refused) -> str:
    """A refusal as it stands beside a field, whose name the reader sees already."""
    return refusal_words(refused)


@contextmanager
def told_beside(form: forms.Form) -> Iterator[None]:
    """What an action refuses inside goes beside the field it names, or above the form; then the form is shown again."""
    try:
        yield
    except Refused as refused:
        field = refused.where
        if field not in form.fields:  # a place within one
            field = field.partition(".")[0].partition("[")[0]
        form.add_error(field if field in form.fields else None, words(refused))


def show(request: HttpRequest, template: str, form: forms.Form, **more: Any) -> HttpResponse:
    """The page of a form: 200 when it is fresh, 422 when something has to be mended."""
    status = UNPROCESSABLE if form.is_bound and form.errors else 200
    return render(request, template, {"form": form, **more}, status=status)


@contextmanager
def made_once(noun: str, rows: models.QuerySet[Any]) -> Iterator[None]:
    """Run the creation inside only when `rows` has none: a form sent twice makes one row, and never overwrites one."""
    taken = Refused(
        f"There is a {noun} with this id already",
        "an id that nobody uses",
        "If you pressed twice, it is made.",
        "id",
        409,
    )
    try:
        with transaction.atomic():
            _one_at_a_time(f"make a {noun}")
            if rows.exists():
                raise taken
            yield
    except IntegrityError:  # somebody else made it at this very moment
        raise taken from None


def _one_at_a_time(what: str) -> None:
    """Let the others who do `what` wait until this transaction ends. SQLite has one writer anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [what])


def id_of(form: forms.Form) -> str:
    """The id that was typed, else one made from the name; "" when the name yields none."""
    return str(form.cleaned_data["id"] or slug_of(form.cleaned_data["name"]))
