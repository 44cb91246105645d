"""What messages say, in the organisation's own words: written per language, and looked at with a real incident."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from tocsin.channels.previews import previews as shown_on
from tocsin.incident.previewing import example, look, recent, starters
from tocsin.notification.rules.pieces import DEFAULT, OF_THE_END, ONLY_AT_THE_END, Piece, Wording
from tocsin.notification.templates import (
    broken,
    delete_templates,
    read_wording,
    save_templates,
    texts_of,
    wordings,
)
from tocsin.people.models import User
from tocsin.people.rules import LANGUAGES, Language, May
from tocsin.web.forms import UNPROCESSABLE, asker, by, instant, previews, told_beside
from tocsin.web.forms.templates import LABELS, TemplatesForm
from tocsin.web.guard import needs
from tocsin.web.layout import say

PLACES = {DEFAULT: "Every language", **{language.value: name for language, name in LANGUAGES.items()}}
VALUE_SHOWN_MAX = 80
AT_THE_END = ("lock-screen", "email", "sms")  # the channels that word of the end is shown on


@dataclass(frozen=True)
class Named:
    """A name that templates may use, what it means, and what it stands for in the incident that is looked at."""

    name: str
    meaning: str
    value: str
    at_the_end: bool


@needs(May.SETTINGS)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, language: str = DEFAULT) -> HttpResponse:
    """The templates of a language with what they become; saved, looked at, or begun from Tocsin's words."""
    if language not in PLACES:
        raise Http404
    instead = starters(Language.ENGLISH if language == DEFAULT else language)
    sent = _with_start(request.POST, instead) if request.method == "POST" else None
    form, do = TemplatesForm(sent, texts_of(language), instead), request.POST.get("do", "look")
    if request.method == "POST" and do == "save" and form.is_valid():
        with told_beside(form):
            _keep(request, language, form.texts())
        if not form.errors:
            return redirect("templates_of", language=language)
    return _page(request, language, form, refused=do == "save")


def _keep(request: HttpRequest, language: str, texts: dict[str, str]) -> None:
    """Save what was typed; all of it empty is the same as going back to Tocsin's words."""
    name = PLACES[language]
    if texts:
        save_templates(language, texts, by(request), instant(request))
        say(request, f"Saved. Messages that are made from now on use it ({name}).")
    elif texts_of(language):
        delete_templates(language, by(request), instant(request))
        say(request, f"{name}: back to {'the default' if language != DEFAULT else 'Tocsin’s own words'}.")


def _with_start(sent: QueryDict, instead: dict[Piece, str]) -> QueryDict:
    """What was sent, and where that was asked for, Tocsin's words in the place of a piece."""
    verb, _, piece = sent.get("do", "").partition(":")
    if verb != "start" or piece not in tuple(Piece):
        return sent
    changed = sent.copy()
    changed[piece] = instead[Piece(piece)]
    return changed


def _page(request: HttpRequest, language: str, form: TemplatesForm, *, refused: bool) -> HttpResponse:
    context: dict[str, Any] = {
        "form": form,
        "language": language,
        "languages": [(key, name, key in wordings()) for key, name in PLACES.items()],
        "name": PLACES[language],
        "is_default": language == DEFAULT,
        "stored": bool(texts_of(language)),
        "broken": [(PLACES.get(place, place), LABELS[piece], why) for place, piece, why in broken()],
        "recent": recent(),
        **_looked(request, language, form),
    }
    template = "settings/templates_preview.html" if previews(request) else "settings/templates.html"
    wrong = refused and bool(form.errors) and not previews(request)
    return render(request, template, context, status=UNPROCESSABLE if wrong else 200)


def _looked(request: HttpRequest, language: str, form: TemplatesForm) -> dict[str, Any]:
    """What the templates become for the incident that was chosen."""
    wanted = (request.POST if request.method == "POST" else request.GET).get("incident", "")
    at = example(int(wanted) if wanted.isdecimal() and len(wanted) < 19 else None, instant(request))
    own: dict[str, Wording] = {DEFAULT: wordings().get(DEFAULT, {}), language: read_wording(form.texts())}
    seen = look(at, _reader(asker(request), language), own, instant(request))
    return {
        "incident": at.incident,
        "is_sample": at.labels is not None,
        "begins": shown_on(seen.page),
        "ends": [each for each in shown_on(seen.end) if each.id in AT_THE_END],
        "trouble": seen.trouble,
        "wrong": [(LABELS[Piece(name)], said) for name, said in form.errors.items() if name in tuple(Piece)],
        "names": [*_names(seen.values)],
    }


def _reader(user: User, language: str) -> User:
    """Whoever looks, as if they had chosen that language."""
    told = Language.ENGLISH if language == DEFAULT else language
    return User(pk=user.pk, name=user.name, timezone=user.timezone, language=told)


def _names(values: Any) -> Sequence[Named]:
    rows = [
        Named(name, meaning, _short(str(values[name])), name in ONLY_AT_THE_END)
        for name, meaning in OF_THE_END.texts.items()
    ]
    labels = [
        Named(f"labels.{each['name']}", "a label of the alert", _short(each["value"]), False)
        for each in values["labels"]
    ]
    return [*rows, *labels]


def _short(text: str) -> str:
    return text if len(text) <= VALUE_SHOWN_MAX else text[: VALUE_SHOWN_MAX - 1] + "…"


@needs(May.SETTINGS)
@require_POST
def reset(request: HttpRequest, language: str) -> HttpResponse:
    """Forget the templates of a language."""
    if language not in PLACES:
        raise Http404
    _keep(request, language, {})
    return redirect("templates_of", language=language)


urlpatterns = [
    path("settings/templates", edit, name="templates"),
    path("settings/templates/<slug:language>", edit, name="templates_of"),
    path("settings/templates/<slug:language>/reset", reset, name="templates_reset"),
]
