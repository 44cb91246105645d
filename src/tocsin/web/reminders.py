"""How long ahead I am told of my shifts."""

from __future__ import annotations

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.views.decorators.http import require_http_methods

from tocsin.people.rules import May
from tocsin.telling.starts import AHEAD, ahead_of, choose_ahead
from tocsin.web.forms import asker, by, instant, show, told_beside
from tocsin.web.guard import needs
from tocsin.web.layout import say
from tocsin.web.rota_words import listed

WORDS = {key: f"{'an' if key == 'hour' else 'a'} {key}" for key in AHEAD}


class RemindersForm(forms.Form):
    """The times ahead that are wanted."""

    ahead = forms.MultipleChoiceField(
        label="Tell me that my shift begins",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        choices=[(key, f"{words} ahead") for key, words in WORDS.items()],
        help_text="By your rules for what is not urgent. What would come at night waits for the morning, unless the "
        "shift begins within 12 hours. A shift that follows your own without a break begins nothing.",
    )


@needs(May.SWAP)
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """Choose it."""
    me = asker(request).pk
    sent = request.POST if request.method == "POST" else None
    form = RemindersForm(sent, initial={"ahead": ahead_of(me)})
    if sent is not None and form.is_valid():
        with told_beside(form):
            choose_ahead(me, form.cleaned_data["ahead"], by(request), instant(request))
            say(request, f"You are told {in_words(ahead_of(me))}.")
            return redirect("reminders")
    return show(request, "schedules/reminders.html", form)


def in_words(ahead: tuple[str, ...]) -> str:
    """Like "a week and an hour ahead", "only when it begins"."""
    return f"{listed([WORDS[key] for key in ahead])} ahead" if ahead else "only when it begins"


urlpatterns = [path("me/reminders", page, name="reminders")]
