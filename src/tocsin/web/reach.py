"""How a person is reached: their contacts and their rules, edited by themselves or by who looks after people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from tocsin.kernel.durations import in_words
from tocsin.kernel.errors import Refused
from tocsin.kernel.urgency import Urgency
from tocsin.notification.contact_actions import save_contacts, send_code
from tocsin.notification.rule_actions import rules_of, save_rules
from tocsin.notification.rules import Step
from tocsin.people.models import Contact, User
from tocsin.people.rules import Standing
from tocsin.web.contacts import ways_of
from tocsin.web.forms import UNPROCESSABLE, asker, by, instant, words
from tocsin.web.forms.people import ContactDraft, ContactsDraft, RulesDraft
from tocsin.web.layout import say, warn

MASK = "…"


def edit_contacts(request: HttpRequest, person: User, after: str) -> HttpResponse:
    """The contacts of `person` as rows; saved all together, or not at all."""
    if request.method != "POST":
        rows = [ContactDraft(each.name, each.address) for each in person.contacts.all()] or [ContactDraft()]
        return _contacts_page(request, person, after, ContactsDraft(rows))
    draft = ContactsDraft.read(request.POST)
    if draft.change(request.POST.get("do", "save")):
        return _contacts_page(request, person, after, draft)
    if (value := draft.value()) is not None:
        had = set(person.contacts.values_list("address", flat=True))
        try:
            save_contacts(person.pk, value, by(request), instant(request))
        except Refused as refused:
            draft.error = words(refused)
        else:
            sent = _send_codes(request, person, had) if person.pk == asker(request).pk else []
            next_ = f" A code is on its way to {' and '.join(sent)}: enter it there." if sent else ""
            say(request, f"Contacts saved.{next_}" + ("" if value else " Nobody is reached without one."))
            return redirect(after + ("#contacts" if sent else ""))
    return _contacts_page(request, person, after, draft, UNPROCESSABLE)


def _send_codes(request: HttpRequest, person: User, had: set[str]) -> list[str]:
    """Send a code to each contact that is new and has to be proved; returns their names."""
    sent = []
    for row in person.contacts.all():
        if row.address not in had and not row.as_value().is_paged:
            try:
                send_code(person.pk, row.name, by(request), instant(request))
            except Refused as refused:
                warn(request, f"{row.name}: {refused}")
            else:
                sent.append(row.name)
    return sent


def _contacts_page(
    request: HttpRequest, person: User, after: str, draft: ContactsDraft, status: int = 200
) -> HttpResponse:
    own = person.pk == asker(request).pk
    standings = {way.contact.name: way for way in ways_of(person)}
    context = {"person": person, "draft": draft, "after": after, "own": own, "standings": standings}
    return render(request, "people/contacts.html", context, status=status)


def edit_rules(request: HttpRequest, person: User, after: str) -> HttpResponse:
    """The steps of `person` per urgency: which contact, after which delay, in which order."""
    if request.method != "POST":
        return _rules_page(request, person, after, RulesDraft.of(rules_of(person.pk)))
    draft = RulesDraft.read(request.POST)
    if draft.change(request.POST.get("do", "save")):
        return _rules_page(request, person, after, draft)
    if (value := draft.value()) is not None:
        try:
            save_rules(person.pk, value, by(request), instant(request))
        except Refused as refused:
            draft.error = words(refused)
        else:
            say(request, "Rules saved. They hold for the next page.")
            return redirect(after)
    return _rules_page(request, person, after, draft, UNPROCESSABLE)


def _rules_page(
    request: HttpRequest, person: User, after: str, draft: RulesDraft, status: int = 200
) -> HttpResponse:
    context = {
        "person": person,
        "draft": draft,
        "after": after,
        "contacts": list(person.contacts.values_list("name", "address")),
        "sections": [(urgency, draft.steps.get(urgency, [])) for urgency in Urgency],
    }
    return render(request, "people/rules.html", context, status=status)


NOTES = {Standing.UNVERIFIED: "unverified: left out", Standing.FAILING: "failing: tried last"}


def in_words_of(
    rules: Mapping[Urgency, Sequence[Step]], contacts: Iterable[Contact]
) -> list[tuple[Urgency, list[tuple[str, str, str]]]]:
    """Rules for the reader: per urgency the contacts, each with "at once" or "after 2 min", and with what keeps it from
    being paged then."""
    notes = {row.name: NOTES.get(row.as_value().standing, "") for row in contacts}
    return [
        (
            urgency,
            [
                (f"after {in_words(s.delay)}" if s.delay else "at once", s.contact, notes.get(s.contact, ""))
                for s in rules.get(urgency, ())
            ],
        )
        for urgency in Urgency
    ]


def masked(address: str) -> str:
    """An address for colleagues: which channel, and not enough to write to it."""
    scheme, _, rest = address.partition(":")
    if scheme == "mailto" and "@" in rest:
        name, _, host = rest.rpartition("@")
        return f"mailto:{name[:1]}{MASK}@{host}"
    return f"{scheme}:{MASK}"
