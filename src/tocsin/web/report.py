"""The help desk: `/report`. One question first: what is wrong. Before a second incident opens about one trouble, those
that are open already are shown. Without an account only where the administrator allows it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django import forms
from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.utils.translation import get_language, gettext, override
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from tocsin.answering.reports import FORM, Said, alike, follow, report
from tocsin.answering.rules.reporting import TEXT_LENGTH_MAX
from tocsin.catalog.actions import configuration
from tocsin.kernel.errors import Refused
from tocsin.kernel.ids import digest
from tocsin.people.models import User
from tocsin.people.rules import May
from tocsin.web.forms import instant, told_beside
from tocsin.web.guard import activate_zone, asked_language, public, to_sign_in
from tocsin.web.layout import say

PUBLIC = "public"  # in TOCSIN_REPORTS
SLOWEST = timedelta(hours=24)  # that somebody without an account may take to write
FASTEST = timedelta(seconds=3)  # machines are faster
WEB = "web"


class ReportForm(forms.Form):
    words = forms.CharField(
        label=_("What is wrong?"),
        help_text=_("In your own words: what you see, since when, and whom it hurts."),
        max_length=TEXT_LENGTH_MAX // 2,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 4, "autofocus": True}),
    )
    service = forms.ChoiceField(label="What is it about?", required=False)
    urgency = forms.ChoiceField(
        label=_("How urgent is it?"),
        choices=[("high", _("Somebody is affected now")), ("low", _("It can wait for working hours"))],
        initial="high",
    )
    # People do not see it; what is written in it was written by a machine.
    website = forms.CharField(required=False, max_length=200, widget=forms.HiddenInput)
    since = forms.CharField(required=False, max_length=200, widget=forms.HiddenInput)
    sure = forms.CharField(required=False, max_length=1, widget=forms.HiddenInput)

    def __init__(
        self, data: object = None, initial: dict[str, object] | None = None, known: bool = True
    ) -> None:
        super().__init__(data, initial=initial)  # type: ignore[arg-type]
        if not known:  # what there is here is nobody's business who has no account
            del self.fields["service"]
            return
        named = sorted((value.name, key) for key, value in configuration().services.items())
        self.fields["service"].choices = [  # type: ignore[attr-defined]
            ("", "I do not know"),
            *((key, name) for name, key in named),
        ]


@public
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """Ask what is wrong, show what is known already, and open an incident with the words. Who has no account is asked
    in the language that their browser asks for."""
    reader = request.user if isinstance(request.user, User) and request.user.is_active else None
    if reader is not None:
        _check_may(reader)
        activate_zone(reader.timezone)
        return _answer(request, reader)
    if PUBLIC not in settings.CONFIG.reports:
        return to_sign_in(request)
    language = asked_language(request)
    with override(language):
        response = _answer(request, None)
    response.headers["Content-Language"] = language
    patch_vary_headers(response, ["Accept-Language"])
    return response


def _answer(request: HttpRequest, reader: User | None) -> HttpResponse:
    now = instant(request)
    if request.method != "POST":
        return _show(
            request,
            ReportForm(initial={"since": _signer().sign(now.isoformat())}, known=reader is not None),
            reader,
        )
    form = ReportForm(request.POST, known=reader is not None)
    if not form.is_valid():
        return _show(request, form, reader)
    data = form.cleaned_data
    if reader is None and not _is_human(data["website"], data["since"], now):
        form.add_error(
            None, gettext("That was too fast or too old. Look at it once more, and send it again.")
        )
        return _show(request, form, reader)
    title, _, text = data["words"].replace("\r\n", "\n").strip().partition("\n")
    said = Said(
        title=title,
        text=text.strip(),
        through=WEB,
        service=data.get("service", ""),
        urgent=data["urgency"] == "high",
        user=reader,
        address="" if reader is not None else f"{FORM}{_print_of(request)}",
    )
    if reader is not None and (number := request.POST.get("follow", "")).isdigit() and len(number) < 19:
        with told_beside(form):
            incident = follow(said, int(number), now)
            say(request, f"Your words are with #{incident.pk}, and you are told how it goes on.")
            return redirect("incident", incident_id=incident.pk)
    near = alike(data["words"]) if reader is not None and not data["sure"] else []
    if near and not form.errors:
        return _show(request, form, reader, near=near)
    if not form.errors:
        with told_beside(form):
            made = report(said, now)
            return _thank(request, made.incident_id, reader)
    return _show(request, form, reader)


def _check_may(reader: User) -> None:
    if not reader.may(May.REPORT):
        raise Refused(f"Your role ({reader.role}) does not include: {May.REPORT.value}", status=403)


def _signer() -> Signer:
    return Signer(salt="tocsin.report")


def _is_human(website: str, since: str, now: datetime) -> bool:
    """Whether the form was read for some seconds, within a day, and the field that nobody sees is empty."""
    try:
        asked = datetime.fromisoformat(_signer().unsign(since))
    except (BadSignature, ValueError):
        return False
    return not website and FASTEST <= now - asked <= SLOWEST


def _print_of(request: HttpRequest) -> str:
    """What stands for a client's network address where reports are counted: not the address itself."""
    return digest(f"{settings.SECRET_KEY}\n{request.META.get('REMOTE_ADDR', '')}")[:20]


def _thank(request: HttpRequest, number: int, reader: User | None) -> HttpResponse:
    if reader is not None:
        say(request, f"Thank you. It is #{number}, and you are told how it goes on.")
        response = redirect("incident", incident_id=number)
        response.status_code = 303
        return response
    return render(request, "report_thanks.html", {"number": number, "language": get_language()})


def _show(request: HttpRequest, form: ReportForm, reader: User | None, near: object = ()) -> HttpResponse:
    context = {"form": form, "near": near, "reader_known": reader is not None, "language": get_language()}
    return render(request, "report.html" if reader is not None else "report_public.html", context)
