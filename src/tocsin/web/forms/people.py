"""The forms of people, teams, contacts, rules and tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.http import QueryDict

from tocsin.kernel.durations import format_duration, parse_duration
from tocsin.kernel.errors import Refused
from tocsin.kernel.ids import check_slug
from tocsin.kernel.urgency import Urgency
from tocsin.notification.channels import check_address
from tocsin.notification.rules import RULE_STEPS_MAX, Step
from tocsin.people.actions import CONTACTS_MAX
from tocsin.people.models import Team, User
from tocsin.people.rules import LANGUAGES, Language, Role, Scope
from tocsin.web.forms import IdField, words

ROLES = {
    Role.RESPONDER: "responder: answers pages",
    Role.STAKEHOLDER: "stakeholder: reads along",
    Role.MANAGER: "manager: also sets up services and policies",
    Role.ADMIN: "admin: everything",
}
SCOPES = {
    Scope.READ: "read: see incidents, services, people, policies",
    Scope.ACT: "act: also acknowledge, resolve, escalate, note, open, send tests",
    Scope.ADMIN: "admin: all that your role may",
}
LIVES = {"30": "30 days", "90": "90 days", "365": "one year", "": "no end"}


class PersonForm(forms.Form):
    """Who somebody is, and what they may do."""

    name = forms.CharField(max_length=120, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    id = IdField()
    email = forms.EmailField(
        label="E-mail",
        help_text="They sign in with it. How they are paged is a contact, set apart from it.",
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    timezone = forms.CharField(
        label="Time zone",
        initial="UTC",
        help_text="An IANA name such as Europe/Madrid; times are shown in it.",
        widget=forms.TextInput(attrs={"list": "zones", "autocomplete": "off", "spellcheck": "false"}),
    )
    language = forms.ChoiceField(
        choices=list(LANGUAGES.items()),
        initial=Language.ENGLISH,
        required=False,
        help_text="Of messages and calls, and of the pages that their links open.",
    )
    role = forms.ChoiceField(choices=list(ROLES.items()), initial=Role.RESPONDER)

    def __init__(self, data: QueryDict | None = None, *, existing: User | None = None) -> None:
        initial = (
            {name: getattr(existing, name) for name in ("name", "email", "timezone", "language", "role")}
            if existing
            else {}
        )
        super().__init__(data, initial=initial)
        if existing:
            del self.fields["id"]


def zones() -> list[str]:
    """The time zones there are, for the list behind the field."""
    return sorted(
        name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "posix"))
    )


class TeamForm(forms.Form):
    """A team; its members are paged in this order when a level names it."""

    name = forms.CharField(max_length=120)
    id = IdField()
    members = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)
    lead = forms.ChoiceField(required=False, help_text="One of the members.")

    def __init__(self, data: QueryDict | None = None, *, existing: Team | None = None) -> None:
        initial: dict[str, Any] = {}
        if existing:
            order = existing.memberships.order_by("position").values_list("user_id", flat=True)
            initial = {"name": existing.name, "members": list(order), "lead": existing.lead_id}
        super().__init__(data, initial=initial)
        if existing:
            del self.fields["id"]
        people = list(User.objects.people().filter(is_active=True).values_list("pk", "name"))
        members, lead = self.fields["members"], self.fields["lead"]
        assert isinstance(members, forms.MultipleChoiceField) and isinstance(lead, forms.ChoiceField)
        members.choices = people
        lead.choices = [("", "nobody"), *people]
        self.order = initial.get("members", [])

    def in_order(self) -> list[str]:
        """The chosen people: who was a member keeps their place, the new ones follow."""
        chosen = set(self.cleaned_data["members"])
        kept = [each for each in self.order if each in chosen]
        return kept + [each for each in self.cleaned_data["members"] if each not in kept]


class TokenForm(forms.Form):
    """A token for the API: what for, how much, how long."""

    name = forms.CharField(max_length=120, help_text="Where it will be used: laptop, deploy script.")
    scope = forms.ChoiceField(choices=list(SCOPES.items()), initial=Scope.READ)
    life = forms.ChoiceField(choices=list(LIVES.items()), initial="90", required=False, label="Ends after")

    def expires(self, now: datetime) -> datetime | None:
        days = self.cleaned_data["life"]
        return now + timedelta(days=int(days)) if days else None


@dataclass
class ContactDraft:
    """One contact as typed, and what is wrong with it."""

    name: str = ""
    address: str = ""
    error: str = ""


@dataclass
class ContactsDraft:
    """A person's contacts on the page; rows are added and removed by submit buttons."""

    rows: list[ContactDraft]
    error: str = ""

    @classmethod
    def read(cls, data: QueryDict) -> ContactsDraft:
        pairs = zip(data.getlist("name"), data.getlist("address"), strict=False)
        return cls([ContactDraft(name.strip(), address.strip()) for name, address in pairs][:CONTACTS_MAX])

    def change(self, do: str) -> bool:
        """Carry out the button that was pressed; False when it was "save"."""
        verb, _, place = do.partition(":")
        if verb == "add" and len(self.rows) < CONTACTS_MAX:
            self.rows.append(ContactDraft())
        elif verb == "remove" and place.isdecimal() and int(place) < len(self.rows):
            del self.rows[int(place)]
        return verb in ("add", "remove")

    def value(self) -> dict[str, str] | None:
        """Names with their plain addresses, or None when a row has to be mended."""
        found: dict[str, str] = {}
        for row in self.rows:
            if not row.name and not row.address:
                continue
            try:
                row.address = check_address(with_scheme(row.address))
                row.name = check_slug(row.name or _name_for(row.address, found))
                if row.name in found:
                    raise Refused(f"There are two contacts named {row.name}", "a name for each")
                found[row.name] = row.address
            except Refused as refused:
                row.error = words(refused)
        return None if any(row.error for row in self.rows) else found


def with_scheme(address: str) -> str:
    """`address`, a plain e-mail address made a mailto: one."""
    return f"mailto:{address}" if "@" in address and ":" not in address else address


def _name_for(address: str, taken: Mapping[str, str]) -> str:
    """A name for a contact that was given none: mail, hook, console, then mail-2."""
    scheme = address.partition(":")[0]
    name = {"mailto": "mail", "https": "hook", "http": "hook"}.get(scheme, scheme)
    number = 2
    free = name
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    return free


@dataclass
class StepDraft:
    """One step of somebody's rules as typed."""

    contact: str = ""
    delay: str = "0s"
    error: str = ""


@dataclass
class RulesDraft:
    """A person's rules on the page, per urgency, changed by submit buttons."""

    steps: dict[Urgency, list[StepDraft]] = field(default_factory=dict)
    error: str = ""

    @classmethod
    def of(cls, rules: Mapping[Urgency, list[Step]]) -> RulesDraft:
        return cls({u: [StepDraft(s.contact, format_duration(s.delay)) for s in rules[u]] for u in Urgency})

    @classmethod
    def read(cls, data: QueryDict) -> RulesDraft:
        steps = {}
        for urgency in Urgency:
            pairs = zip(data.getlist(f"{urgency}-contact"), data.getlist(f"{urgency}-delay"), strict=False)
            steps[urgency] = [StepDraft(contact, delay.strip()) for contact, delay in pairs][:RULE_STEPS_MAX]
        return cls(steps)

    def change(self, do: str) -> bool:
        """Carry out the button that was pressed; False when it was "save"."""
        verb, _, rest = do.partition(":")
        urgency, _, place = rest.partition(":")
        if verb not in ("add", "remove", "up", "down") or urgency not in list(Urgency):
            return False
        steps = self.steps[Urgency(urgency)]
        at = int(place) if place.isdecimal() and len(place) < 4 else -1
        if verb == "add" and len(steps) < RULE_STEPS_MAX:
            steps.append(StepDraft())
        elif verb == "remove" and 0 <= at < len(steps):
            del steps[at]
        elif verb == "up" and 0 < at < len(steps):
            steps[at - 1 : at + 1] = [steps[at], steps[at - 1]]
        elif verb == "down" and 0 <= at < len(steps) - 1:
            steps[at : at + 2] = [steps[at + 1], steps[at]]
        return True

    def value(self) -> dict[Urgency, list[Step]] | None:
        """The steps per urgency, or None when one has to be mended."""
        found: dict[Urgency, list[Step]] = {}
        for urgency, drafts in self.steps.items():
            found[urgency] = []
            for draft in drafts:
                try:
                    found[urgency].append(Step(draft.contact, parse_duration(draft.delay or "0s")))
                except Refused as refused:
                    draft.error = words(refused)
        return None if any(d.error for drafts in self.steps.values() for d in drafts) else found
