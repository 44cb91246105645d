"""The whole organisation as a file: keep it, look what another would change, apply it."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from tocsin.kernel.errors import Refused
from tocsin.kernel.ids import digest
from tocsin.organisation.actions import Applied, apply
from tocsin.organisation.exporting import export
from tocsin.organisation.impacts import impact_lines
from tocsin.organisation.plan import Plan, plan
from tocsin.organisation.reading import FILE_BYTES_MAX, File, FilesRefused
from tocsin.people.rules import May
from tocsin.web.forms import UNPROCESSABLE, by, instant
from tocsin.web.guard import needs

NAME = "organisation.yaml"
NAME_LENGTH_MAX = 100


@dataclass
class Looked:
    """What the page shows about a file that was given: its text, and its plan or its mistakes."""

    name: str = NAME
    text: str = ""
    prune: bool = False
    plan: Plan | None = None
    impact: list[str] = field(default_factory=list)  # on people's shifts
    applied: Applied | None = None
    problems: tuple[Refused, ...] = ()
    left_out: int = 0
    error: str = ""
    status: int = 200
    note: str = ""
    print: str = field(default="")  # of the plan, so that only what was shown is applied


@needs(May.SETTINGS)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def index(request: HttpRequest) -> HttpResponse:
    """Give a file, read what it would change, then apply exactly that."""
    looked = _given(request) if request.method == "POST" else Looked()
    if request.method == "POST" and not looked.error:
        _look(request, looked)
    return render(request, "settings/file.html", {"looked": looked}, status=looked.status)


@needs(May.SETTINGS)
@require_GET
@never_cache
def download(request: HttpRequest) -> HttpResponse:
    """The file that changes nothing when applied; without keys."""
    answer = HttpResponse(export(), content_type="application/yaml; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{NAME}"'
    return answer


def _given(request: HttpRequest) -> Looked:
    """The file that was uploaded, else the text that was typed."""
    looked = Looked(text=request.POST.get("text", ""), prune="prune" in request.POST)
    uploaded = request.FILES.get("file")
    if uploaded is not None:
        looked.name = (uploaded.name or NAME)[:NAME_LENGTH_MAX]
        try:
            looked.text = uploaded.read(FILE_BYTES_MAX + 1).decode()
        except UnicodeDecodeError:
            looked.error = "The file is not text. Expected YAML in UTF-8."
    if not looked.error and not looked.text.strip():
        looked.error = "Nothing was given. Choose a file, or paste its text."
    if looked.error:
        looked.status = UNPROCESSABLE
    return looked


def _look(request: HttpRequest, looked: Looked) -> None:
    """Plan it; apply it when the button for that was pressed and the plan is still the one that was shown."""
    try:
        planned = plan([File(looked.name, looked.text)], looked.prune, outside={})
        looked.print = digest("\n".join(planned.in_words()))
        if request.POST.get("do") == "apply" and request.POST.get("print") == looked.print:
            looked.applied = apply(planned, by(request), instant(request))
            return
        looked.plan, looked.impact = planned, impact_lines(planned, instant(request))
        if request.POST.get("do") == "apply":
            looked.note = "The configuration has changed since you looked. This is the plan now."
    except FilesRefused as refused:
        looked.problems, looked.left_out = refused.problems, refused.left_out
        looked.status = UNPROCESSABLE
    except Refused as refused:
        looked.problems, looked.status = (refused,), refused.status


urlpatterns = [
    path("settings/file", index, name="organisation_file"),
    path("settings/file/download", download, name="organisation_download"),
]
