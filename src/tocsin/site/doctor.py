"""Looks at everything that has to be right before somebody is woken by this instance. Changes nothing."""

from __future__ import annotations

import json
import os
import smtplib
import sqlite3
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from django.db import Error, connection
from django.db.models import Count, Q

from tocsin.catalog.models import Organisation, Service
from tocsin.channels.mailserver import Conversation, read_mail_server
from tocsin.channels.outgoing import Unreachable
from tocsin.escalation.actions import roster
from tocsin.escalation.models import Policy
from tocsin.intake.models import Inbox
from tocsin.journal.models import Entry
from tocsin.kernel.errors import Refused
from tocsin.notification.channels import check_address
from tocsin.notification.models import Delivery
from tocsin.notification.rules import DeliveryState
from tocsin.people.models import Contact, User
from tocsin.people.rules import COMMAND_LINE, Role
from tocsin.site import schema
from tocsin.site.checkpoint import has_reset_bug
from tocsin.site.clock import CLOCK, now
from tocsin.site.config import Config

FREE_MIN, FREE_LOW = 100 * 1024**2, 1024**3
SYNC_SLOW, SYNC_TOO_SLOW = 0.020, 0.200  # seconds for one synced write
SYNCS = 15
NET_SECONDS = 5.0
AHEAD = timedelta(seconds=5)
POSTGRES_MIN = 140_000
NAMED_MAX = 10  # things listed by name


class State(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One thing looked at: how it is, in words, and how to mend it."""

    about: str
    state: State
    said: str
    mend: str = ""


def ok(about: str, said: str) -> Finding:
    return Finding(about, State.OK, said)


def warn(about: str, said: str, mend: str = "") -> Finding:
    return Finding(about, State.WARN, said, mend)


def fail(about: str, said: str, mend: str = "") -> Finding:
    return Finding(about, State.FAIL, said, mend)


def examine(config: Config, running: str | None) -> list[Finding]:
    """Everything, in the order in which one would look; `running` is the address of the running program."""
    of_the_machine = (files, disk, sync, database, clock, zones)
    of_the_outside = (mail, lambda c: public_address(c, running), lambda c: program(running))
    found = [finding for look in (*of_the_machine, *of_the_outside) for finding in _safely(look, config)]
    tables = list(_safely(migrations, config))
    found += tables
    if not any(finding.state is State.FAIL for finding in tables):
        for look in (fallback, people, contacts, services, policies, messages, inbox):
            found += _safely(lambda _, look=look: look(), config)  # type: ignore[misc]
    return found


def _safely(look: Callable[[Config], Iterator[Finding]], config: Config) -> Iterator[Finding]:
    """A check that cannot be made is a finding too."""
    try:
        yield from look(config)
    except (Error, OSError) as error:
        yield fail(getattr(look, "__name__", "check").replace("_", " "), f"could not be looked at: {error}")


# --- the machine ---


def files(config: Config) -> Iterator[Finding]:
    """Secrets and data are for their owner alone."""
    open_ones = []
    for path in (
        config.data,
        *(config.data / name for name in ("secret.key", "token", "tocsin.db", "tocsin.db-wal")),
    ):
        if (
            path.exists()
            and path.stat().st_mode & 0o077
            and (path == config.data or config.data.stat().st_mode & 0o077)
        ):
            open_ones.append(path.name)
    if open_ones:
        yield fail("files", f"others can reach {', '.join(open_ones)}", "chmod -R go= on the data folder.")
    elif not os.access(config.data, os.W_OK):
        yield fail("files", "the data folder cannot be written", "Give it to the user that runs Tocsin.")
    else:
        yield ok("files", "the data folder is its owner's alone")


def disk(config: Config) -> Iterator[Finding]:
    system = os.statvfs(config.data)
    free = system.f_bavail * system.f_frsize
    said = f"{free / 1024**3:.1f} GB free for the data folder"
    if free < FREE_MIN:
        yield fail("disk", said, "Make room: without it, no event can be stored.")
    else:
        yield warn("disk", said, "Make room soon.") if free < FREE_LOW else ok("disk", said)


def sync(config: Config) -> Iterator[Finding]:
    """How long one durable write takes: every accepted event waits for one, shared with those that come with it."""
    took = []
    with tempfile.TemporaryFile(dir=config.data) as file:
        for _ in range(SYNCS):
            begun = time.perf_counter()
            file.write(b"x" * 4096)
            file.flush()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - begun)
    median = statistics.median(took)
    said = f"a synced write takes {median * 1000:.1f} ms"
    if median > SYNC_TOO_SLOW:
        yield fail("sync", said, "This disk is too slow to accept events in time.")
    else:
        yield (
            warn("sync", said, "A faster disk accepts more events.")
            if median > SYNC_SLOW
            else ok("sync", said)
        )


def database(config: Config) -> Iterator[Finding]:
    yield from _postgres() if config.sqlite_path is None else _sqlite()


def _sqlite() -> Iterator[Finding]:
    if has_reset_bug():
        yield warn(
            "SQLite",
            f"{sqlite3.sqlite_version} can corrupt a database that two connections write at once (mended in 3.51.3)",
            "Tocsin writes and checkpoints one at a time, so it is safe; let no other program write to the file.",
        )
    else:
        yield ok("SQLite", f"{sqlite3.sqlite_version}")
    with connection.cursor() as cursor:
        mode, synced = (
            cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
        )
        (found,) = cursor.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        yield fail("database", f"it is damaged: {found}", "Stop the program and restore the last backup.")
    elif (mode, synced) != ("wal", 2):
        yield fail(
            "database", f"journal_mode is {mode}, synchronous {synced}", "Something has changed the settings."
        )
    else:
        yield ok("database", "whole, with a synced write-ahead log")


def _postgres() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('server_version_num')::int, current_setting('server_version'),"
            " pg_is_in_recovery(), current_setting('fsync'), current_setting('synchronous_commit')"
        )
        number, version, standby, fsync, commit = cursor.fetchone()
        begun = time.perf_counter()
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        away = cursor.fetchone()[0] - time.time()
        took = time.perf_counter() - begun
    if number < POSTGRES_MIN:
        yield fail("PostgreSQL", f"{version} is too old", "Tocsin needs 14 or newer.")
    if standby:
        yield fail("PostgreSQL", "this is a standby", "Tocsin decides on the primary only.")
    if (fsync, commit) != ("on", "on"):
        yield fail(
            "PostgreSQL", f"fsync is {fsync}, synchronous_commit {commit}", "Accepted would not mean durable."
        )
    if number >= POSTGRES_MIN and not standby and (fsync, commit) == ("on", "on"):
        yield ok("PostgreSQL", f"{version}, answers in {took * 1000:.1f} ms")
    if abs(away) > AHEAD.total_seconds():
        yield warn("clock", f"the database's clock is {away:+.0f} s from this machine's", "Run NTP on both.")


def clock(config: Config) -> Iterator[Finding]:
    last = Entry.objects.order_by("-written_at").values_list("written_at", flat=True).first()
    if last is not None and last > now() + AHEAD:
        yield fail(
            "clock",
            f"the journal has an entry of {last:%Y-%m-%d %H:%M:%S}, in the future",
            "Set the clock; run NTP.",
        )
    elif (step := CLOCK.check()) is not None:
        yield warn("clock", f"it was just set by {step.total_seconds():.0f} s", "Run NTP.")
    else:
        yield ok("clock", f"{now():%Y-%m-%d %H:%M:%S} UTC, after the last entry of the journal")


def zones(config: Config) -> Iterator[Finding]:
    known = available_timezones()
    if not known:
        yield fail("time zones", "this machine has no time zone data", "Install tzdata.")
        return
    strange = sorted({user.timezone for user in User.objects.filter(is_active=True)} - known)
    if strange:
        yield fail(
            "time zones", f"unknown: {', '.join(strange[:NAMED_MAX])}", "Correct them, or install tzdata."
        )
    else:
        yield ok("time zones", f"{len(known)} known")


# --- the outside ---


def mail(config: Config) -> Iterator[Finding]:
    wanted = Contact.objects.filter(address__startswith="mailto:", user__is_active=True).count()
    if not config.smtp_url:
        if wanted:
            yield fail(
                "mail",
                f"{wanted} contacts are mail addresses, and no mail server is set",
                "Set TOCSIN_SMTP_URL.",
            )
        else:
            yield warn("mail", "no mail server is set", "Set TOCSIN_SMTP_URL to page people by mail.")
        return
    server = read_mail_server(config.smtp_url)
    assert server is not None
    try:
        Conversation(
            server, NET_SECONDS
        ).bow_out()  # the same way as messages go: TLS, sign-in, and no letter
    except (OSError, smtplib.SMTPException, Unreachable) as error:
        yield fail("mail", f"{server.host}:{server.port} does not take us: {error}", "Check TOCSIN_SMTP_URL.")
    else:
        yield ok("mail", f"{server.host}:{server.port} answers")


def public_address(config: Config, running: str | None) -> Iterator[Finding]:
    if config.host in ("127.0.0.1", "localhost", "::1"):
        yield warn(
            "address",
            f"messages say {config.url}, which opens on this machine only",
            "Set TOCSIN_URL to the address that phones can open.",
        )
        return
    if urlsplit(config.url).scheme == "http":
        yield warn(
            "address", f"{config.url} is without TLS", "Put a proxy with a certificate in front; https://…"
        )
    if running is None:
        return
    try:
        with urllib.request.urlopen(f"{config.url}/healthz", timeout=NET_SECONDS) as answer:
            answer.read(64)
    except OSError as error:
        yield fail("address", f"{config.url} does not lead here: {error}", "Correct TOCSIN_URL or the proxy.")
    else:
        yield ok("address", f"{config.url} leads here")


def program(running: str | None) -> Iterator[Finding]:
    if running is None:
        yield warn("program", "it is not running: nobody is paged", "Start it with: tocsin run")
        return
    try:
        with urllib.request.urlopen(f"{running}/readyz", timeout=NET_SECONDS) as answer:
            said = json.load(answer)
    except (OSError, ValueError) as error:
        yield fail("program", f"it does not say that it is ready: {error}", "Look at its log.")
    else:
        yield ok("program", f"it runs, and its engine is {said['engine_lag_seconds']} s late")


# --- the configuration ---


def migrations(config: Config) -> Iterator[Finding]:
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
    paged = User.objects.filter(is_active=True).exclude(role=Role.STAKEHOLDER).exclude(pk=COMMAND_LINE)
    silent = paged.annotate(ways=Count("contacts")).filter(ways=0)
    if names := list(silent.values_list("id", flat=True)):
        yield fail("people", f"without a contact: {_named(names)}", "Add one under People.")
    else:
        yield ok("people", f"{paged.count()} who can be paged, each with a contact")


def contacts() -> Iterator[Finding]:
    """Every address still is one that a channel takes."""
    bad = []
    for row in Contact.objects.filter(user__is_active=True).iterator():
        try:
            check_address(row.address)
        except Refused as refused:
            bad.append(f"{row.user_id}/{row.name} ({refused.what})")
    if bad:
        yield fail("contacts", f"cannot be used: {_named(bad)}", "Correct them under People.")


def services() -> Iterator[Finding]:
    known = set(Policy.objects.values_list("id", flat=True))
    lost = [row.id for row in Service.objects.all() if row.policy not in known]
    if lost:
        yield fail("services", f"without a policy: {_named(lost)}", "Their incidents page the fallback only.")
    else:
        yield ok("services", f"{Service.objects.count()}, each with a policy")


def policies() -> Iterator[Finding]:
    """Every policy reaches somebody, at every level, as people and teams are now."""
    who = roster()
    nobody, gaps = [], []
    for row in Policy.objects.all():
        policy = row.as_value()
        reached = [bool(who.people(level.notify)) for level in policy.levels]
        if not any(reached):
            nobody.append(policy.id)
        elif not all(reached):
            gaps.append(
                f"{policy.id} (level {', '.join(str(n) for n, there in enumerate(reached, 1) if not there)})"
            )
    if nobody:
        yield fail("policies", f"reach nobody: {_named(nobody)}", "Add people to their levels.")
    if gaps:
        yield warn("policies", f"have levels with nobody: {_named(gaps)}", "They are passed over at once.")
    if not nobody and not gaps:
        yield ok("policies", f"{Policy.objects.count()}, each level with somebody")


def messages() -> Iterator[Finding]:
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
    aside = Inbox.objects.filter(quarantined_at__isnull=False).count()
    if aside:
        yield warn(
            "events", f"{aside} were put aside because they could not be digested", "Each opened an incident."
        )
    else:
        yield ok("events", "none put aside")


def _named(names: list[str]) -> str:
    more = len(names) - NAMED_MAX
    return ", ".join(names[:NAMED_MAX]) + (f" and {more} more" if more > 0 else "")


def worst(findings: list[Finding]) -> State:
    return max((finding.state for finding in findings), key=list(State).index, default=State.OK)
