"""For any organisation at all: what is exported applies to nothing changed, and applying twice is applying once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.channels.conftest import outgoing as outgoing  # noqa: PLC0414 - a fixture
from tests.oncall_rules.strategies import PEOPLE, placed
from tests.world import Outbox
from tocsin.catalog.models import Calendar, Integration, Organisation, Service
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.webhook import Webhook
from tocsin.escalation.models import Policy
from tocsin.hooks.models import Hook
from tocsin.hooks.rules import EVENTS
from tocsin.journal.models import Head
from tocsin.kernel.acting import By
from tocsin.kernel.calendars import calendar_as_data
from tocsin.notification import channels
from tocsin.oncall.models import Schedule
from tocsin.oncall.rules import schedule_as_data
from tocsin.organisation.actions import apply
from tocsin.organisation.exporting import export
from tocsin.organisation.plan import plan
from tocsin.organisation.reading import File
from tocsin.people.models import Team, User

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
BY = By("cli", "file")
CONTACTS = ["mail", "hook", "phone"]

names = (
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
    .map(str.strip)
    .filter(bool)
)
spans = st.sampled_from(["1s", "45s", "5m", "1h30m", "2d"])
CONDITIONS = st.sampled_from(
    [
        None,
        {"calendar": "office"},
        {"outside": "office", "zone": "person"},
        {"calendar": "office", "zone": "calendar"},
    ]
)
priorities = st.sampled_from(["P1", "P2", "P3", "P4", "P5"])


@pytest.fixture(autouse=True)
def _webhooks_are_served(outbox: Outbox, outgoing: Outgoing, monkeypatch: pytest.MonkeyPatch) -> None:
    channel = Webhook(outgoing)
    monkeypatch.setattr(channels, "_by_scheme", channels._by_scheme | dict.fromkeys(channel.schemes, channel))


def some(ids: list[str], most: int = 3) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(ids), unique=True, max_size=most) if ids else st.just([])


def perhaps(ids: list[str]) -> st.SearchStrategy[str | None]:
    return st.sampled_from([None, *ids])


@st.composite
def users(draw: st.DrawFn, key: str) -> dict[str, Any]:
    contacts = draw(some(CONTACTS))
    steps = st.one_of(
        [st.sampled_from(contacts), st.builds(lambda c, s: {c: s}, st.sampled_from(contacts), st.just("5m"))]
        if contacts
        else [st.nothing()]
    )
    user: dict[str, Any] = {"id": key, "name": draw(names), "email": f"{key}@example.com"}
    user |= {
        "role": draw(st.sampled_from(["manager", "responder", "stakeholder"])),
        "active": draw(st.booleans()),
    }
    if draw(st.booleans()):
        user["timezone"] = draw(st.sampled_from(["UTC", "Europe/Madrid", "America/St_Johns"]))
    if draw(st.booleans()):
        user["language"] = draw(st.sampled_from(["en", "de", "es", "fr"]))
    user["contacts"] = {name: f"fake:{key}-{name}" for name in contacts}
    rules = st.lists(steps, max_size=3) if contacts else st.just([])
    user["rules"] = draw(st.fixed_dictionaries({}, optional={"high": rules, "low": rules}))
    return user


@st.composite
def levels(
    draw: st.DrawFn, people: list[str], teams: list[str], schedules: list[str]
) -> list[dict[str, Any]]:
    targets = [f"user:{key}" for key in people] + [f"team:{key}" for key in teams]
    targets += [f"schedule:{key}{shift}" for key in schedules for shift in ("", "/next", "/previous")]
    notify = st.lists(st.sampled_from(targets), unique=True, min_size=1, max_size=3)
    optional = {"when": CONDITIONS} if schedules else {}
    level = st.fixed_dictionaries({"notify": notify, "timeout": spans}, optional=optional)
    return draw(st.lists(level, min_size=1, max_size=3))


@st.composite
def on_call(draw: st.DrawFn, teams: list[str]) -> dict[str, Any]:
    """The sections of a schedule of any shape and of the calendar that it names."""
    schedule, _ = draw(placed())
    data = schedule_as_data(schedule)
    for override in data.get("overrides", []):
        override.pop("id", None)
    left_out = draw(st.sampled_from([(), ("overrides",), ("shadows",)]))
    data = {name: said for name, said in data.items() if name not in left_out}
    calendars = [calendar_as_data(calendar) for calendar in schedule.calendars.values()]
    return {"calendars": calendars, "schedules": [{**data, "team": draw(perhaps(teams))}]}


@st.composite
def services(draw: st.DrawFn, number: int, teams: list[str], policies: list[str]) -> dict[str, Any]:
    grouping = st.just("none") | st.fixed_dictionaries(
        {}, optional={"by": st.lists(names, unique=True, max_size=3), "window": spans}
    )
    integration = st.fixed_dictionaries(
        {"type": st.sampled_from(["alertmanager", "events"])},
        optional={"name": names, "enabled": st.booleans()},
    )
    integrations = draw(st.lists(integration, max_size=2))
    made = draw(
        st.fixed_dictionaries(
            {"name": names, "team": perhaps(teams), "policy": perhaps(policies)},
            optional={
                "description": st.text(st.characters(exclude_categories=["Cs"]), max_size=30).filter(
                    lambda text: "\x00" not in text
                ),
                "tier": st.integers(1, 5),
                "urgency": st.sampled_from(["severity", "high", "low"]),
                "grouping": grouping,
                "resolve_delay": st.sampled_from(["0s", "30s", "1d"]),
                "ack_timeout": st.sampled_from(["0s", "never", "5m", "7d"]),
            },
        )
    )
    return {
        "id": f"s{number}",
        **made,
        "integrations": [{"id": f"s{number}-{n}", **each} for n, each in enumerate(integrations)],
    }


def webhooks(key: str, teams: list[str], services: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "id": st.just(key),
            "address": st.sampled_from(["https://example.com", "HTTPS://Example.com/a?b=c#d"]),
            "events": st.lists(st.sampled_from(list(EVENTS)), unique=True, min_size=1, max_size=4),
        },
        optional={
            "name": names,
            "services": some(services),
            "teams": some(teams),
            "enabled": st.booleans(),
        },
    )


@st.composite
def organisations(draw: st.DrawFn) -> dict[str, Any]:
    with_schedules = draw(st.booleans())
    people = list(PEOPLE) if with_schedules else [f"u{n}" for n in range(draw(st.integers(1, 3)))]
    teams = [f"t{n}" for n in range(draw(st.integers(0, 2)))]
    policies = [f"p{n}" for n in range(draw(st.integers(0, 2)))]
    made: dict[str, Any] = {"users": [draw(users(key)) for key in people], "teams": [], "policies": []}
    for key in teams:
        members = draw(some(people))
        made["teams"].append(
            {"id": key, "name": draw(names), "members": members, "lead": draw(perhaps(members))}
        )
    made |= draw(on_call(teams)) if with_schedules else {}
    schedules = [each["id"] for each in made.get("schedules", ())]
    for key in policies:
        made["policies"].append(
            {
                "id": key,
                "team": draw(perhaps(teams)),
                "levels": draw(levels(people, teams, schedules)),
                "repeat": draw(st.integers(0, 3)),
            }
        )
    made["services"] = [draw(services(n, teams, policies)) for n in range(draw(st.integers(0, 2)))]
    known = [each["id"] for each in made["services"]]
    made["webhooks"] = [draw(webhooks(f"h{n}", teams, known)) for n in range(draw(st.integers(0, 2)))]
    active = [user["id"] for user in made["users"] if user["active"]]
    made["organisation"] = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "name": names,
                "fallback": perhaps(active),
                "priorities": st.fixed_dictionaries(
                    {}, optional={"major": st.fixed_dictionaries({"low": priorities})}
                ),
            },
        )
    )
    return made


def wipe() -> None:
    for model in (Hook, Integration, Service, Policy, Schedule, Calendar, Team, User, Organisation):
        model.objects.all().delete()


@pytest.mark.django_db
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(organisation=organisations())
def test_what_is_exported_applies_to_nothing_changed(outbox: Outbox, organisation: dict[str, Any]) -> None:
    wipe()
    declared = [File("org.yaml", yaml.safe_dump(organisation, allow_unicode=True))]
    apply(plan(declared), BY, NOW)
    written = Head.objects.get(chain="organisation").seq

    assert plan(declared).in_words() == ["Nothing changes."]
    assert plan(declared, prune=True).empty
    for text in (export(), export(keys=True)):
        again = plan([File("export.yaml", text)], prune=True)
        assert again.in_words() == ["Nothing changes."]
        apply(again, BY, NOW)
    assert Head.objects.get(chain="organisation").seq == written, (
        "nothing changed, so nothing was written down"
    )

    exported = export(keys=True)
    wipe()
    apply(plan([File("export.yaml", exported)]), BY, NOW)
    assert export(keys=True) == exported, "an export rebuilds the organisation, keys and all"
