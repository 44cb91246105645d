"""Webhooks of the organisation: which programs are told what, their secrets, and what became of each event."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tocsin.channels.signing import HEADER, secret_of_hook
from tocsin.hooks import actions
from tocsin.hooks.actions import LOG_MAX, find_hook, log_of, old_nonce
from tocsin.hooks.collecting import number_of, waiting_by_hook
from tocsin.hooks.models import Hook, Message
from tocsin.hooks.rules import OFF_AFTER, MessageState
from tocsin.kernel.acting import By
from tocsin.people.rules import May
from tocsin.web.forms import by, id_of, instant, made_once, show, told_beside
from tocsin.web.forms.hooks import HookForm
from tocsin.web.guard import needs
from tocsin.web.layout import say

WHY_LENGTH_MAX = 160  # of a reason that is shown in a line; the attempts say it whole
SIGNS = {"good": "✓", "warn": "▲", "bad": "▲", "": "·"}


@dataclass(frozen=True)
class Line:
    """One message of the log; `tone` is good, warn, bad or "" beside its `words`, and `sign` says the same without
    colour. `number` is the incident's, None for a test."""

    row: Message
    words: str
    tone: str
    sign: str
    tries: Sequence[tuple[datetime, int, str]]
    number: int | None


@needs(May.SETTINGS)
@never_cache
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Every webhook and how it is; without one, what they are for."""
    now = instant(request)
    waiting = waiting_by_hook()
    rows = [
        (row, words, tone, SIGNS[tone], waiting.get(row.pk, 0))
        for row in Hook.objects.all()
        for words, tone in [how_it_is(row, now)]
    ]
    return render(request, "settings/webhooks.html", {"rows": rows})


def how_it_is(row: Hook, now: datetime) -> tuple[str, str]:
    """The state of a webhook in a sentence, and its tone."""
    if not row.enabled and row.off_why:
        days = OFF_AFTER.days
        return f"Switched off: nothing arrived for {days} days. The last time: {_short(row.off_why)}.", "bad"
    if not row.enabled:
        return "Switched off: it is told nothing.", ""
    if row.failing_since is not None:
        words = f"Nothing has arrived since {timezone.localtime(row.failing_since):%-d %b %H:%M}."
        if row.rest_until is not None and row.rest_until > now:
            words += f" It is tried again from {timezone.localtime(row.rest_until):%H:%M:%S}."
        return words, "bad"
    if row.skipped:
        return f"{row.skipped} events were left out, as too many waited already.", "warn"
    return "Told of what happens.", "good"


@needs(May.SETTINGS)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Make a webhook."""
    form = HookForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        hook_id = id_of(form)
        with told_beside(form), made_once("webhook", Hook.objects.filter(pk=hook_id)):
            row = actions.save_hook(hook_id, form.value(enabled=True), by(request), instant(request))
            say(request, f"{row} is made. Give its secret to the receiver, and send a test.")
        if not form.errors:
            return redirect("webhook", hook_id=hook_id)
    return show(request, "settings/webhook_edit.html", form, row=None)


@needs(May.SETTINGS)
@never_cache
@require_safe
def one(request: HttpRequest, hook_id: str) -> HttpResponse:
    """One webhook: how it is, its secrets, and the log; `?before=` goes on to what is older."""
    row, now = find_hook(hook_id), instant(request)
    before = request.GET.get("before", "")
    log = log_of(row, int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None)
    words, tone = how_it_is(row, now)
    old = old_nonce(row, now)
    context = {
        "row": row,
        "words": words,
        "tone": tone,
        "header": HEADER,
        "secret": secret_of_hook(row.pk, row.nonce),
        "old_secret": secret_of_hook(row.pk, old) if old else "",
        "log": [_line(message) for message in log],
        "older": log[-1].pk if len(log) == LOG_MAX else None,
        "newest": not before,
        "waiting": row.messages.filter(next_at__isnull=False).count(),
    }
    return render(request, "settings/webhook.html", context)


def _line(row: Message) -> Line:
    tries = [
        (timezone.localtime(datetime.fromisoformat(each["at"])), int(each["took_ms"]), str(each["outcome"]))
        for each in row.tries
    ]
    last = _short(tries[-1][2]) if tries else ""
    match MessageState(row.state):
        case MessageState.SENT:
            words, tone = f"arrived after {tries[-1][1]} ms" if tries else "arrived", "good"
        case MessageState.FAILED:
            words, tone = f"given up: {last}", "bad"
        case MessageState.DROPPED:
            words, tone = "dropped, as the webhook was switched off", ""
        case MessageState.HELD:
            words, tone = "held back, as a backup was restored", ""
        case MessageState.WAITING if row.next_at is not None and tries:
            words, tone = (
                f"tried again from {timezone.localtime(row.next_at):%-d %b %H:%M:%S}: {last}",
                "warn",
            )
        case MessageState.WAITING:
            words, tone = "waits for its turn", ""
    sign = "…" if row.state == MessageState.WAITING else SIGNS[tone]
    return Line(row, words, tone, sign, tries, number_of(row))


def _short(why: str) -> str:
    """The reason within a line, without the full stop that the sentence round it has."""
    why = why.rstrip(".")
    return why if len(why) <= WHY_LENGTH_MAX else f"{why[: WHY_LENGTH_MAX - 1].rstrip()} …"


@needs(May.SETTINGS)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, hook_id: str) -> HttpResponse:
    """Change a webhook; what waits already goes to its new address."""
    row = find_hook(hook_id)
    form = HookForm(request.POST if request.method == "POST" else None, row)
    if request.method == "POST" and form.is_valid():
        with told_beside(form):
            actions.save_hook(row.pk, form.value(row.enabled), by(request), instant(request))
            say(request, "Saved.")
        if not form.errors:
            return redirect("webhook", hook_id=row.pk)
    return show(request, "settings/webhook_edit.html", form, row=row)


@needs(May.SETTINGS)
@require_POST
def switch(request: HttpRequest, hook_id: str) -> HttpResponse:
    """Tell it nothing any more, or tell it again."""
    on = request.POST.get("enabled") == "yes"
    row = actions.set_hook_enabled(hook_id, on, by(request), instant(request))
    say(request, f"{row} is told of what happens from now on." if on else f"{row} is switched off.")
    return redirect("webhook", hook_id=row.pk)


def _act(do: Callable[[str, By, datetime], object], said: str) -> Callable[..., HttpResponse]:
    """A button that does one thing to the webhook, and says so."""

    @needs(May.SETTINGS)
    @require_POST
    def press(request: HttpRequest, hook_id: str) -> HttpResponse:
        do(hook_id, by(request), instant(request))
        say(request, said)
        return redirect("webhook", hook_id=hook_id)

    return press


rotate = _act(
    actions.rotate, "There is a new secret. For a day both sign, so the receiver can change over in peace."
)
end_old = _act(actions.end_old, "Only the new secret signs now.")
test = _act(actions.send_test, "A test is on its way; what became of it stands in the log in a moment.")


@needs(May.SETTINGS)
@require_POST
def again(request: HttpRequest, hook_id: str, uid: UUID) -> HttpResponse:
    """Send one message again, under the same id."""
    actions.send_again(hook_id, uid, by(request), instant(request))
    say(request, "It is on its way again.")
    return redirect("webhook", hook_id=hook_id)


@needs(May.SETTINGS)
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, hook_id: str) -> HttpResponse:
    """Forget the webhook, its secrets and its log."""
    row = find_hook(hook_id)
    if request.method == "POST":
        actions.delete_hook(row.pk, by(request), instant(request))
        say(request, f"{row} is deleted.")
        return redirect("webhooks")
    return render(request, "settings/webhook_delete.html", {"row": row})


urlpatterns = [
    path("settings/webhooks", index, name="webhooks"),
    path("new/webhook", new, name="webhook_new"),
    path("settings/webhooks/<slug:hook_id>", one, name="webhook"),
    path("settings/webhooks/<slug:hook_id>/edit", edit, name="webhook_edit"),
    path("settings/webhooks/<slug:hook_id>/switch", switch, name="webhook_switch"),
    path("settings/webhooks/<slug:hook_id>/rotate", rotate, name="webhook_rotate"),
    path("settings/webhooks/<slug:hook_id>/end-old", end_old, name="webhook_end_old"),
    path("settings/webhooks/<slug:hook_id>/test", test, name="webhook_test"),
    path("settings/webhooks/<slug:hook_id>/again/<uuid:uid>", again, name="webhook_again"),
    path("settings/webhooks/<slug:hook_id>/delete", delete, name="webhook_delete"),
]
