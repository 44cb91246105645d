"""What messages say in the organisation's own words, over REST."""

from __future__ import annotations

from typing import Annotated

from ninja import Status
from pydantic import BaseModel, Field

from tocsin.api.auth import Asked
from tocsin.api.room import Room
from tocsin.api.words import Sent, SlugInPath
from tocsin.channels.previews import Preview
from tocsin.channels.previews import previews as shown_on
from tocsin.incident.previewing import example, look
from tocsin.kernel.errors import not_found
from tocsin.notification.models import Templates
from tocsin.notification.rules.pieces import DEFAULT, Piece, Wording, check_place
from tocsin.notification.templates import (
    check_texts,
    delete_templates,
    read_wording,
    save_templates,
    texts_of,
    wordings,
)
from tocsin.people.models import User
from tocsin.people.rules import Language, May

room = Room("templates of messages")

Line = Annotated[str, Field(max_length=Piece.SUBJECT.length_max)] | None
Text = Annotated[str, Field(max_length=Piece.TEXT.length_max)] | None


class TemplatesBody(Sent):
    """Each piece of a message that is worded; without a template, or with null, it is said as by `default`, else in
    Tocsin's words."""

    subject: Line = None
    text: Text = None
    resolved_subject: Line = None
    resolved_text: Text = None


class TemplatesOut(BaseModel):
    """The templates of one language, or of `default`."""

    language: str
    subject: str | None
    text: str | None
    resolved_subject: str | None
    resolved_text: str | None


class AllTemplatesOut(BaseModel):
    items: list[TemplatesOut]


class PreviewBody(TemplatesBody):
    """Templates that need not be saved, and the incident to fill them in with; without its number, the newest."""

    language: Annotated[str, Field(max_length=8)] = DEFAULT
    incident: Annotated[int, Field(strict=True, ge=1, lt=2**63)] | None = None


class PreviewOut(BaseModel):
    """The message on one kind of channel. `about` is what is to be known of it, as the number of parts of an SMS."""

    id: str
    name: str
    subject: str
    text: str
    buttons: list[str]
    about: str


class PreviewsOut(BaseModel):
    """What a page would say, and the word that it is over. `incident` is null where there is none yet, and an example
    stands in."""

    incident: int | None
    page: list[PreviewOut]
    resolved: list[PreviewOut]


@room.get("/templates", may=May.SETTINGS, answer=AllTemplatesOut)
def list_templates(request: Asked) -> AllTemplatesOut:
    """Every language that has templates, and `default`."""
    return AllTemplatesOut(items=[show_templates(row) for row in Templates.objects.order_by("pk")])


# Before the next ones, which would take its name for a language.
@room.post("/templates/preview", may=May.SETTINGS, answer=PreviewsOut)
def preview_templates(request: Asked, body: PreviewBody) -> PreviewsOut:
    """What these templates would say on each kind of channel, for a real incident, to the asker as a reader of the
    language. Saves nothing and sends nothing."""
    language = check_place(body.language)
    drafts = read_wording(check_texts(given(body)))
    own: dict[str, Wording] = {DEFAULT: wordings().get(DEFAULT, {}), language: drafts}
    at, asker = example(body.incident, request.now), request.auth.user
    told = Language.ENGLISH if language == DEFAULT else language
    reader = User(pk=asker.pk, name=asker.name, timezone=asker.timezone, language=told)
    seen = look(at, reader, own, request.now)
    return PreviewsOut(
        incident=None if at.labels is not None else at.incident.pk,
        page=[_shown(each) for each in shown_on(seen.page)],
        resolved=[_shown(each) for each in shown_on(seen.end)],
    )


@room.get("/templates/{id}", may=May.SETTINGS, answer=TemplatesOut)
def show_one_templates(request: Asked, id: SlugInPath) -> TemplatesOut:
    """The templates of a language: `default`, `en`, `de`, `es` or `fr`."""
    row = Templates.objects.filter(pk=id).first()
    if row is None:
        raise not_found("templates", id)
    return show_templates(row)


@room.put("/templates/{id}", may=May.SETTINGS, answer=TemplatesOut)
def save_templates_of(request: Asked, id: SlugInPath, body: TemplatesBody) -> Status[TemplatesOut]:
    """Makes these the templates of the language; a piece that is left out goes."""
    new = not texts_of(id)
    row = save_templates(id, given(body), request.auth.by, request.now)
    return Status(201 if new else 200, show_templates(row))


@room.delete("/templates/{id}", may=May.SETTINGS)
def delete_templates_of(request: Asked, id: SlugInPath) -> Status[None]:
    """Goes back to `default`, or to Tocsin's words."""
    delete_templates(id, request.auth.by, request.now)
    return Status(204, None)


def given(body: TemplatesBody) -> dict[str, str]:
    """The pieces that have a template."""
    return {piece.value: text for piece in Piece if (text := getattr(body, piece.value)) is not None}


def show_templates(row: Templates) -> TemplatesOut:
    """A language's templates, null for what has none."""
    return TemplatesOut(language=row.pk, **{piece.value: row.pieces.get(piece) for piece in Piece})


def _shown(each: Preview) -> PreviewOut:
    return PreviewOut(
        id=each.id,
        name=each.name,
        subject=each.subject,
        text=each.text,
        buttons=list(each.buttons),
        about=each.about,
    )
