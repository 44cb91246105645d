"""Whether somebody would come: the coverage proof for every service, urgency and instant ahead, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from django import forms
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import path
from django.views.decorators.http import require_safe

from tocsin.catalog.models import Service
from tocsin.kernel.durations import in_words
from tocsin.kernel.errors import Refused
from tocsin.kernel.zones import zone
from tocsin.people.rules import May
from tocsin.readiness import actions
from tocsin.readiness.rules import PEOPLE_MAX, WEEKS_MAX, Gap, GapKind, Proof, Weak
from tocsin.web.forms import DurationField, asker, instant, show, words
from tocsin.web.guard import needs
from tocsin.web.rota_words import moment, when

REASONS_NAMED = 20  # of one proof on the page
GAPS_NAMED = 50
DOORS = {
    GapKind.SCHEDULE: "/schedules/",
    GapKind.SERVICE: "/services/",
    GapKind.LEVEL: "/policies/",
    GapKind.PERSON: "/people/",
    GapKind.UNTRIED: "/people/",
}


class CoverageForm(forms.Form):
    """How far ahead, how many people, how fast."""

    weeks = forms.IntegerField(min_value=1, max_value=WEEKS_MAX, initial=actions.WEEKS, label="Weeks ahead")
    people = forms.IntegerField(min_value=1, max_value=PEOPLE_MAX, initial=1, label="How many people")
    within = DurationField(required=False)
    field_order = ("people", "within", "weeks")

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data)
        self.fields["within"].widget.attrs["placeholder"] = "any time; or 10m"


@dataclass(frozen=True)
class Reason:
    """Why it does not hold, and the first of the times at which that is so."""

    why: str
    when: str
    more: int  # times besides
    wait: str  # at longest; "" for never


@dataclass(frozen=True)
class Line:
    """One service and urgency: how long it takes at worst, and the times at which it takes too long."""

    service: str
    name: str
    urgency: str
    holds: bool
    worst: str
    worst_at: str  # first
    weak: int  # times
    reasons: tuple[Reason, ...]
    reasons_more: int


@dataclass(frozen=True)
class Missing:
    about: str
    address: str
    when: str
    why: str
    mend: str


@needs(May.SEE)
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """The proof and the gaps; what is asked for stands in the address."""
    now, here = instant(request), zone(asker(request).timezone)
    form = CoverageForm(request.GET or QueryDict(f"weeks={actions.WEEKS}&people=1"))
    weeks, people, within = actions.WEEKS, 1, None
    if form.is_valid():
        weeks, people, within = (form.cleaned_data[name] for name in ("weeks", "people", "within"))
    proofs: Sequence[Proof] = ()
    gaps: Sequence[Gap] = ()
    gaps_refused = ""
    try:
        proofs = actions.coverage(now, weeks, people, within)
    except Refused as refused:  # longer than climbs are followed, or more than can be worked out
        form.add_error("within" if refused.where == "within" else None, words(refused))
    try:
        gaps = actions.gaps(now)
    except Refused as refused:  # far more changes of hands than people make
        gaps_refused = words(refused)
    names = dict(Service.objects.values_list("pk", "name"))
    lines = [_line(each, names.get(each.service, each.service), here) for each in proofs]
    context = {
        "lines": sorted(lines, key=lambda line: (line.holds, line.name, line.urgency)),
        "failing": sum(1 for line in lines if not line.holds),
        "people": people,
        "weeks": weeks,
        "within": in_words(within) if within else "",
        "gaps": [_missing(each, here) for each in gaps[:GAPS_NAMED]],
        "gaps_more": max(0, len(gaps) - GAPS_NAMED),
        "gaps_refused": gaps_refused,
        "zone": here.key,
    }
    return show(request, "schedules/coverage.html", form, **context)


def _line(proof: Proof, name: str, here: ZoneInfo) -> Line:
    by_reason: dict[str, list[Weak]] = {}
    for weak in proof.weak:
        by_reason.setdefault(weak.why, []).append(weak)
    reasons = list(by_reason.values())
    return Line(
        proof.service,
        name,
        proof.urgency.value,
        proof.holds,
        _wait(proof.worst),
        moment(proof.worst_at, here),
        len(proof.weak),
        tuple(_reason(each, here) for each in reasons[:REASONS_NAMED]),
        max(0, len(reasons) - REASONS_NAMED),
    )


def _reason(alike: Sequence[Weak], here: ZoneInfo) -> Reason:
    """Times at which it does not hold for the same reason, as one line."""
    waits = [weak.wait for weak in alike]
    longest = "" if None in waits else _wait(max(filter(None, waits)))
    return Reason(alike[0].why, when(alike[0].span, here), len(alike) - 1, longest)


def _wait(wait: timedelta | None) -> str:
    if wait is None:
        return "never"
    return in_words(wait) if wait else "at once"


def _missing(gap: Gap, here: ZoneInfo) -> Missing:
    place = f"level {gap.level} of {gap.about}" if gap.level else gap.about
    return Missing(place, f"{DOORS[gap.kind]}{gap.about}", when(gap.span, here), gap.why, gap.mend)


urlpatterns = [path("coverage", page, name="coverage")]
