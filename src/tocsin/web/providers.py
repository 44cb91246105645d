"""Ways to reach people: the accounts with vendors, how each is doing, and what needs no account."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tocsin.channels.mailserver import read_mail_server
from tocsin.kernel.errors import not_found
from tocsin.notification import accounts
from tocsin.notification.channels import fixed_channels
from tocsin.notification.finding import free_id, manifest_of
from tocsin.notification.introducing import can_be_introduced, introduce
from tocsin.notification.models import Place, Provider
from tocsin.notification.providers import (
    Figures,
    delete_provider,
    figures,
    find_provider,
    order_providers,
    providers,
    save_provider,
    set_provider_enabled,
)
from tocsin.notification.rules import Sent
from tocsin.notification.rules.circuit import Health
from tocsin.notification.switching import State
from tocsin.notification.trying import targets, try_provider
from tocsin.notification.vendors import Manifests, Vendor, vendors
from tocsin.people.rules import May
from tocsin.web.forms import asker, by, instant, made_once, show, told_beside
from tocsin.web.forms.providers import ProviderForm
from tocsin.web.guard import needs
from tocsin.web.layout import say, warn


@dataclass(frozen=True)
class Way:
    """One account as the page shows it; `tone` is good, warn, bad or "" beside its `words`."""

    row: Provider
    vendor: str
    schemes: Sequence[str]
    words: str
    tone: str
    done: Figures
    second: bool = False  # another account is asked before it for the same purpose


@dataclass(frozen=True)
class Fixed:
    """A channel that needs no account: what is set up for it."""

    name: str
    schemes: Sequence[str]
    words: str
    tone: str = ""


@needs(May.SETTINGS)
@never_cache
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Every account and how it is, what needs none, the vendors there are, and the places."""
    context = {
        "ways": _ways(instant(request)),
        "fixed": _fixed(),
        "vendors": sorted(vendors().values(), key=lambda vendor: vendor.title.lower()),
        "rooms": Place.objects.count(),
    }
    return render(request, "settings/ways.html", context)


def _ways(now: datetime) -> list[Way]:
    rows = providers()
    opened, known, done = (
        accounts.ready().opened,
        accounts.states(now),
        figures([row.pk for row in rows], now),
    )
    ways: list[Way] = []
    for row in rows:
        vendor = vendors().get(row.vendor)
        second = any(set(way.schemes) & set(_schemes(vendor)) for way in ways)
        problem = opened[row.pk].problem if row.pk in opened else ""
        words, tone = how_it_is(row, problem, known.get(row.pk) or State(), done[row.pk])
        ways.append(
            Way(
                row,
                vendor.title if vendor else row.vendor,
                _schemes(vendor),
                words,
                tone,
                done[row.pk],
                second,
            )
        )
    return ways


def how_it_is(row: Provider, problem: str, state: State, done: Figures) -> tuple[str, str]:
    """The state of a provider on this node in a sentence, and its tone."""
    if not row.enabled:
        return "Switched off: it is not asked, and not heard.", ""
    if problem:
        return f"Cannot be used: {problem}", "bad"
    why = f" ({state.error})" if state.error else ""
    if state.health is Health.RESTING and state.until is not None:
        until = timezone.localtime(state.until)
        if state.failures:
            return f"Rests until {until:%H:%M:%S} after failures{why}.", "warn"
        return f"Asked to be left alone until {until:%H:%M:%S}; it is.", "warn"
    if state.health is Health.TRIED_AGAIN:
        return f"Has rested after failures{why}; the next message finds out whether it is well.", "warn"
    if state.failures:
        return f"The last message failed{why}.", "warn"
    return ("Works.", "good") if done.sent_at else ("Ready; nothing was sent through it yet.", "")


def _schemes(vendor: Vendor | None) -> Sequence[str]:
    return vendor.schemes if vendor else ()


def _fixed() -> list[Fixed]:
    """The channels that are always there, with what is configured."""
    found: list[Fixed] = []
    for channel in {id(each): each for each in fixed_channels().values()}.values():
        words, tone = "Needs no account.", "good"
        if "mailto" in channel.schemes:
            words, tone = _mail_words()
        elif "https" in channel.schemes:
            inner = ", ".join(settings.CONFIG.allowed_networks)
            words = (
                f"Public addresses, and {inner}."
                if inner
                else "Public addresses only; TOCSIN_ALLOWED_NETWORKS opens inner ones."
            )
        elif "console" in channel.schemes:
            words = "Shown on the page Messages; nothing leaves this program."
        found.append(Fixed(channel.name, channel.schemes, words, tone))
    return found


def _mail_words() -> tuple[str, str]:
    server = read_mail_server(settings.CONFIG.smtp_url)
    if server is None:
        return "No mail server is set up: set TOCSIN_SMTP_URL and start again.", "bad"
    return f"Handed to {server.host}, port {server.port}, from {server.sender.addr_spec}.", "good"


@needs(May.SETTINGS)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest, kind: str) -> HttpResponse:
    """Add an account with a vendor."""
    if (vendor := vendors().get(kind)) is None:
        raise not_found("vendor", kind)
    free = free_id(kind)
    form = ProviderForm(request.POST if request.method == "POST" else None, vendor, free_id=free)
    if request.method == "POST" and form.is_valid():
        value = form.value(min(max((row.position for row in providers()), default=0) + 1, 100))
        with told_beside(form), made_once("provider", Provider.objects.filter(pk=value.id)):
            save_provider(value, by(request), instant(request))
            say(request, f"{value.name} is added. Send yourself a test through it.")
        if not form.errors:
            return redirect("way", provider_id=value.id)
    context = {
        "vendor": vendor,
        "called": vendor.title.partition(":")[0],  # without what it carries
        "callback": accounts.callback_url(free),
        "manifest": _manifest(vendor, free),
    }
    return show(request, "settings/way_new.html", form, **context)


def _manifest(vendor: Vendor, provider_id: str) -> str:
    """What the vendor takes instead of settings by hand; "" when it takes none."""
    if not isinstance(vendor, Manifests):
        return ""
    return json.dumps(manifest_of(vendor.kind, provider_id)[1], indent=2, ensure_ascii=False)


@needs(May.SETTINGS)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def one(request: HttpRequest, provider_id: str) -> HttpResponse:
    """One account: how it is, what is set, a test, and the address that its vendor calls."""
    row = find_provider(provider_id)
    vendor = vendors().get(row.vendor)
    now = instant(request)
    context = {
        "row": row,
        "way": next(way for way in _ways(now) if way.row.pk == row.pk),
        "callback": accounts.callback_url(row.pk),
        "targets": targets(row, asker(request).pk) if vendor else {},
        "hears": vendor is not None and vendor.hears,
        "told_by_a_call": can_be_introduced(row.pk),
        "manifest": _manifest(vendor, row.pk) if vendor else "",
    }
    if vendor is None:
        return render(request, "settings/way.html", context)
    form = ProviderForm(request.POST if request.method == "POST" else None, vendor, row)
    if request.method == "POST" and form.is_valid():
        with told_beside(form):
            save_provider(form.value(row.position), by(request), now)
            say(request, "Saved. What is sent from now on goes through the account as it is now.")
        if not form.errors:
            return redirect("way", provider_id=row.pk)
    return show(request, "settings/way.html", form, **context)


@needs(May.SETTINGS)
@require_POST
def test(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Send a test through this account to the reader's own contact, or to a place, and say what became of it."""
    row = find_provider(provider_id)
    to = request.POST.get("to", "")
    outcome = try_provider(row.pk, to, asker(request), by(request), instant(request))
    if isinstance(outcome, Sent):
        say(request, f"{row} took the test. Look whether it has arrived at {to}.")
    else:
        warn(request, f"The test did not go: {outcome.why}.")
    return redirect("way", provider_id=row.pk)


@needs(May.SETTINGS)
@require_POST
def tell(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Tell the vendor our address for what it has to say, and say what it made of that."""
    failed = introduce(provider_id, by(request), instant(request))
    if failed is None:
        say(request, "It knows now where to call us.")
    else:
        warn(request, f"It does not know where to call us: {failed.why}.")
    return redirect("way", provider_id=provider_id)


@needs(May.SETTINGS)
@require_POST
def switch(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Ask the account no more, or ask it again."""
    row = set_provider_enabled(
        provider_id, request.POST.get("enabled") == "yes", by(request), instant(request)
    )
    say(
        request,
        f"{row} is asked again." if row.enabled else f"{row} is switched off; nothing of it is forgotten.",
    )
    return redirect("way", provider_id=row.pk)


@needs(May.SETTINGS)
@require_POST
def earlier(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Ask the account before the one that is asked before it now for the same purpose."""
    rows = providers()
    ids = [row.pk for row in rows]
    at = ids.index(find_provider(provider_id).pk)
    own = set(_schemes(vendors().get(rows[at].vendor)))
    rivals = [place for place in range(at) if own & set(_schemes(vendors().get(rows[place].vendor)))]
    if rivals:
        ids.insert(rivals[-1], ids.pop(at))
        order_providers(ids, by(request), instant(request))
    return redirect("ways")


@needs(May.SETTINGS)
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Say what goes with it, then forget the account and its secrets."""
    row = find_provider(provider_id)
    if request.method == "POST":
        delete_provider(row.pk, by(request), instant(request))
        say(request, f"{row} is deleted, and its secrets are forgotten.")
        return redirect("ways")
    schemes = _schemes(vendors().get(row.vendor))
    others = [each for each in providers() if each.pk != row.pk and each.enabled]
    alone = [
        scheme
        for scheme in schemes
        if not any(scheme in _schemes(vendors().get(each.vendor)) for each in others)
    ]
    return render(request, "settings/way_delete.html", {"row": row, "alone": alone})


urlpatterns = [
    path("settings/ways", index, name="ways"),
    path("settings/ways/add/<slug:kind>", new, name="way_new"),
    path("settings/ways/<slug:provider_id>", one, name="way"),
    path("settings/ways/<slug:provider_id>/test", test, name="way_test"),
    path("settings/ways/<slug:provider_id>/tell", tell, name="way_tell"),
    path("settings/ways/<slug:provider_id>/switch", switch, name="way_switch"),
    path("settings/ways/<slug:provider_id>/earlier", earlier, name="way_earlier"),
    path("settings/ways/<slug:provider_id>/delete", delete, name="way_delete"),
]
