"""The tables and what is configured: who would be reached, and who would not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Q

from tocsin.catalog.models import Organisation, Service
from tocsin.escalation.models import Policy
from tocsin.escalation.rostering import roster
from tocsin.intake.models import Inbox
from tocsin.kernel.errors import Refused
from tocsin.notification import accounts
from tocsin.notification.channels import check_address, is_served
from tocsin.notification.models import Delivery, Place
from tocsin.notification.providers import figures
from tocsin.notification.rules import DeliveryState
from tocsin.notification.templates import broken, wordings
from tocsin.people.models import Contact, User
from tocsin.people.rules import Role, Standing
from tocsin.site import schema
from tocsin.site.clock import now
from tocsin.site.config import Config
from tocsin.site.doctor.findings import Finding, fail, named, ok, warn


def migrations(config: Config) -> Iterator[Finding]:
    """Whether the tables are those of this version."""
    try:
        schema.refuse_newer(found := schema.look())
    except Refused as refused:
        yield fail("tables", refused.what, refused.mend)
        return
    if found.missing:
        yield fail("tables", f"{len(found.missing)} migrations are missing", "Run: tocsin migrate")
    else:
        yield ok("tables", "up to date")


def fallback() -> Iterator[Finding]:
    """Whether somebody active is told when a policy reaches nobody."""
    row = Organisation.objects.select_related("fallback").first()
    if row is None or row.fallback is None:
        yield warn(
            "fallback", "nobody is named for when a policy reaches nobody", "Name somebody under Settings."
        )
    elif not row.fallback.is_active:
        yield fail("fallback", f"{row.fallback.name} is switched off", "Name somebody else under Settings.")
    else:
        yield ok("fallback", f"{row.fallback.name} is told when a policy reaches nobody")


def people() -> Iterator[Finding]:
    """Whoever may be paged has a way to be reached."""
    paged = User.objects.people().filter(is_active=True).exclude(role=Role.STAKEHOLDER)
    silent = paged.exclude(contacts__in=Contact.objects.paged())
    alone = paged.filter(contacts__in=Contact.objects.paged()).exclude(contacts__in=Contact.objects.sound())
    if names := list(silent.values_list("id", flat=True)):
        yield fail(
            "people",
            f"without a contact: {named(names)}",
            "Add one under People; unverified ones do not count.",
        )
    if failing := list(alone.distinct().values_list("id", flat=True)):
        yield fail("people", f"whose contacts all fail: {named(failing)}", "Mend them, and send a test.")
    if not names and not failing:
        yield ok("people", f"{paged.count()} who can be paged, each with a contact")


def contacts() -> Iterator[Finding]:
    """Every address still is one that a channel takes, and takes what is sent there."""
    bad, failing, unverified = [], [], []
    for row in Contact.objects.filter(user__is_active=True).iterator():
        try:
            check_address(row.address)
        except Refused as refused:
            bad.append(f"{row.user_id}/{row.name} ({refused.what})")
            continue
        standing = row.as_value().standing
        if standing is Standing.FAILING:
            failing.append(f"{row.user_id}/{row.name} ({row.failing_why})")
        elif standing is Standing.UNVERIFIED:
            unverified.append(f"{row.user_id}/{row.name}")
    if bad:
        yield fail("contacts", f"cannot be used: {named(bad)}", "Correct them under People.")
    if failing:
        yield warn("contacts", f"fail: {named(failing)}", "Mend them, and send a test.")
    if unverified:
        yield warn(
            "contacts",
            f"unverified, not paged: {named(unverified)}",
            "Their people enter the code that is sent.",
        )


def providers() -> Iterator[Finding]:
    """Every account that is switched on can be opened, and every address has something that serves it."""
    opened = accounts.ready().opened
    broken = [f"{one.id} ({one.problem})" for one in opened.values() if one.problem]
    waiting = sorted(
        {
            f"{row.user_id}/{row.name}"
            for row in Contact.objects.filter(user__is_active=True)
            if _waits(row.address)
        }
        | {f"place {row.pk}" for row in Place.objects.all() if _waits(row.address)}
    )
    if broken:
        yield fail(
            "accounts",
            f"cannot be opened: {named(broken)}",
            "Mend them under Settings, Ways to reach people.",
        )
    if waiting:
        yield warn(
            "accounts",
            f"nothing is set up for {named(waiting)}",
            "Add an account under Settings, Ways to reach people.",
        )
    if opened and not broken and not waiting:
        yield ok("accounts", f"{len(opened)}, each can be opened")


def use_of_providers() -> Iterator[Finding]:
    """Every account that can be opened has lately taken what it was given."""
    done = figures([one.id for one in accounts.ready().opened.values() if not one.problem], now())
    untried = [key for key, each in done.items() if each.sent_at is None and each.failed_at is None]
    failing = [
        f"{key} ({each.error})"
        for key, each in done.items()
        if each.failed_at is not None and (each.sent_at is None or each.sent_at < each.failed_at)
    ]
    if failing:
        yield warn(
            "accounts", f"did not take the last message: {named(failing)}", "Run: tocsin provider test --all"
        )
    if untried:
        yield warn(
            "accounts", f"unused in the last week: {named(untried)}", "Run: tocsin provider test --all"
        )


def callbacks(config: Config) -> Iterator[Finding]:
    """What accounts hear (answers, receipts) comes to our public address, which has to be one that vendors can call."""
    hearing = [one.id for one in accounts.ready().opened.values() if hasattr(one.channel, "hear")]
    if hearing and not config.https:
        yield warn(
            "accounts",
            f"answers and receipts of {named(hearing)} come to {config.url}/channels/…, which no vendor can call",
            "Set TOCSIN_URL to an https address that the internet can open.",
        )


def _waits(address: str) -> bool:
    """Whether a vendor could serve the address, and no account does."""
    try:
        check_address(address)
    except Refused:
        return False  # which is told where addresses are
    return not is_served(address)


def templates() -> Iterator[Finding]:
    """The organisation's own words for messages can still be read; nothing is said where it has none."""
    if wrong := [f"{piece} in {language} ({why})" for language, piece, why in broken()]:
        yield warn(
            "templates",
            f"cannot be used, so Tocsin's words go out: {named(wrong)}",
            "Mend them under Settings, Templates.",
        )
    elif written := wordings():
        yield ok("templates", f"for {', '.join(sorted(written))}, each can be read")


def services() -> Iterator[Finding]:
    """Whether every service has a policy."""
    known = set(Policy.objects.values_list("id", flat=True))
    lost = [row.id for row in Service.objects.all() if row.policy not in known]
    if lost:
        yield fail("services", f"without a policy: {named(lost)}", "Their incidents page the fallback only.")
    else:
        yield ok("services", f"{Service.objects.count()}, each with a policy")


def policies() -> Iterator[Finding]:
    """Every policy reaches somebody, at every level, as people and teams are now and who is on call is."""
    who, at = roster(), now()
    nobody, gaps = [], []
    for row in Policy.objects.all():
        policy = row.as_value()
        reached = [bool(who.find(level.notify, level.when, at).people) for level in policy.levels]
        if not any(reached):
            nobody.append(policy.id)
        elif not all(reached):
            gaps.append(
                f"{policy.id} (level {', '.join(str(n) for n, there in enumerate(reached, 1) if not there)})"
            )
    if nobody:
        yield fail("policies", f"reach nobody: {named(nobody)}", "Add people to their levels.")
    if gaps:
        yield warn("policies", f"have levels with nobody: {named(gaps)}", "They are passed over at once.")
    if not nobody and not gaps:
        yield ok("policies", f"{Policy.objects.count()}, each level with somebody")


def messages() -> Iterator[Finding]:
    """Whether messages are late by more than a minute, or could not be delivered in the last day."""
    day = now() - timedelta(days=1)
    lost = Delivery.objects.filter(state=DeliveryState.UNDELIVERABLE, due_at__gte=day).count()
    late = Delivery.objects.filter(
        Q(state=DeliveryState.DUE) | Q(state=DeliveryState.SENDING), next_at__lte=now() - timedelta(minutes=1)
    ).count()
    if late:
        yield fail("messages", f"{late} have been due for more than a minute", "Is the program running?")
    if lost:
        yield warn("messages", f"{lost} could not be delivered in the last day", "The incidents say why.")
    if not late and not lost:
        yield ok("messages", "none late, none lost in the last day")


def inbox() -> Iterator[Finding]:
    """Whether events were put aside because they could not be digested."""
    aside = Inbox.objects.filter(quarantined_at__isnull=False).count()
    if aside:
        yield warn(
            "events", f"{aside} were put aside because they could not be digested", "Each opened an incident."
        )
    else:
        yield ok("events", "none put aside")
