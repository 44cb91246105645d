"""Whatever is changed through the API is written down: who, what, and that it came this way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db.models import Model

from tests.api.conftest import Program
from tests.api.test_configuration import POLICY, SERVICE, TEAM, USER
from tests.api.test_permissions import ALL
from tests.pretend import pretend as pretend  # noqa: PLC0414 - a fixture
from tests.world import Clock, Outbox, World
from tocsin.journal.models import Entry
from tocsin.kernel.acting import By
from tocsin.oncall.models import Absence, CoverRequest, Feed, Override
from tocsin.people.actions import add_token
from tocsin.people.contacts import digits
from tocsin.people.models import Contact, ContactCode

INTEGRATION = {"service": "shop", "type": "events"}
FILE = {"files": [{"text": "services:\n  - {id: search, name: Search}\n"}]}
REACH = {"contacts": {"fake": "fake:elsewhere"}, "high": [], "low": []}
SETTINGS = {"name": "Shop Ltd"}
PROVIDER = {"vendor": "pretend", "settings": {"token": "t"}}
PLACE = {"name": "Operations", "address": "pretend:ops"}

# Every operation that changes something, what it is sent, and the kind of entry it leaves.
LAYER = {"rotation": "fixed", "start": "2026-01-01", "users": ["ada"]}
SCHEDULE = {"timezone": "UTC", "layers": [LAYER]}
OVERRIDE = {"start": "2026-03-03", "end": "2026-03-04", "users": ["bo"]}
HOURS = {"starts_at": "2026-03-03T00:00:00Z", "ends_at": "2026-03-04T00:00:00Z"}
CALENDAR = {"name": "New", "timezone": "UTC"}
CHANGES: dict[str, tuple[Any, str]] = {
    "POST /incidents": ({"service": "shop", "title": "x"}, "incident.opened"),
    "POST /incidents/{number}/acknowledge": (None, "incident.acknowledged"),
    "POST /incidents/{number}/snooze": ({"until": "2h"}, "incident.snoozed"),
    "POST /incidents/{number}/resolve": (None, "incident.resolved"),
    "POST /incidents/{number}/reopen": (None, "incident.reopened"),
    "POST /incidents/{number}/close": (None, "incident.closed"),
    "POST /incidents/{number}/escalate": ({"tried": "x"}, "climb.pushed"),
    "POST /incidents/{number}/notes": ({"text": "x"}, "incident.noted"),
    "POST /incidents/{number}/assign": ({"user": "bo"}, "incident.assigned"),
    "POST /incidents/{number}/classify": ({"urgency": "low"}, "incident.classified"),
    "POST /incidents/{number}/rename": ({"title": "y"}, "incident.renamed"),
    "POST /incidents/{number}/restrict": (None, "incident.restricted"),
    "POST /incidents/{number}/unrestrict": (None, "incident.unrestricted"),
    "POST /incidents/{number}/let-read": ({"user": "cy"}, "incident.reader_named"),
    "POST /incidents/{number}/withdraw": ({"user": "cy"}, "incident.reader_withdrawn"),
    "POST /reports": ({"title": "x"}, "incident.reported"),
    "POST /incidents/{number}/same-as": (None, "report.linked"),
    "POST /incidents/{number}/decline": ({"reason": "x"}, "report.declined"),
    "PUT /services/{id}": (SERVICE, "service.saved"),
    "DELETE /services/{id}": (None, "service.deleted"),
    "PUT /integrations/{id}": (INTEGRATION, "integration.saved"),
    "DELETE /integrations/{id}": (None, "integration.deleted"),
    "POST /integrations/{id}/rotate": (None, "integration.rotated"),
    "PUT /policies/{id}": (POLICY, "policy.saved"),
    "DELETE /policies/{id}": (None, "policy.deleted"),
    "PUT /users/{id}": (USER, "user.saved"),
    "POST /users/{id}/deactivate": (None, "user.saved"),
    "POST /users/{id}/sign-in-link": (None, "user.link_made"),
    "POST /users/{id}/test": (None, "contacts.tested"),
    "PUT /users/{id}/reach": (REACH, "contacts.saved"),
    "PUT /users/{id}/quiet": ({"hours": [{"from": "22:00", "to": "07:00"}]}, "quiet.saved"),
    "POST /users/{id}/contacts/{name}/code": (None, "contact.code_made"),
    "POST /users/{id}/contacts/{name}/verify": ({"code": "the one that was sent"}, "contact.verified"),
    "PUT /teams/{id}": (TEAM, "team.saved"),
    "DELETE /teams/{id}": (None, "team.deleted"),
    "POST /tokens": ({"name": "x", "scope": "read"}, "token.added"),
    "DELETE /tokens/{id}": (None, "token.revoked"),
    "POST /feeds": ({"kind": "mine"}, "feed.made"),
    "DELETE /feeds/{id}": (None, "feed.revoked"),
    "PUT /schedules/{id}": (SCHEDULE, "schedule.saved"),
    "DELETE /schedules/{id}": (None, "schedule.deleted"),
    "POST /schedules/{id}/overrides": (OVERRIDE, "override.added"),
    "DELETE /overrides/{id}": (None, "override.ended"),
    "POST /schedules/{id}/cover-requests": (HOURS, "cover.asked"),
    "POST /schedules/{id}/take": (HOURS | {"user": "bo"}, "override.added"),
    "POST /cover-requests/{id}/accept": ({"user": "bo"}, "cover.accepted"),
    "POST /cover-requests/{id}/decline": ({"user": "bo"}, "cover.declined"),
    "POST /cover-requests/{id}/withdraw": (None, "cover.withdrawn"),
    "POST /absences": (HOURS, "absence.added"),
    "DELETE /absences/{id}": (None, "absence.removed"),
    "PUT /me/shift-reminders": ({"ahead": ["hour"]}, "shifts.ahead"),
    "PUT /calendars/{id}": (CALENDAR, "calendar.saved"),
    "DELETE /calendars/{id}": (None, "calendar.deleted"),
    "PUT /schedules/{id}/calendar": ({"url": "https://example.com/x.ics"}, "calendar.followed"),
    "POST /schedules/{id}/calendar/look": (None, "calendar.look_asked"),
    "DELETE /schedules/{id}/calendar": (None, "calendar.left"),
    "PUT /calendars/{id}/source": ({"country": "DE"}, "calendar.followed"),
    "POST /calendars/{id}/source/look": (None, "calendar.look_asked"),
    "DELETE /calendars/{id}/source": (None, "calendar.left"),
    "PUT /providers/{id}": (PROVIDER, "provider.saved"),
    "DELETE /providers/{id}": (None, "provider.deleted"),
    "POST /providers/{id}/test": ({"to": "pretend:ops"}, "provider.tested"),
    "POST /providers/{id}/introduce": (None, "provider.introduced"),
    "PUT /places/{id}": (PLACE, "place.saved"),
    "DELETE /places/{id}": (None, "place.deleted"),
    "PUT /templates/{id}": ({"subject": "{{title}}"}, "templates.saved"),
    "DELETE /templates/{id}": (None, "templates.deleted"),
    "PUT /organisation/settings": (SETTINGS, "organisation.saved"),
    "POST /organisation/apply": (FILE, "service.saved"),
}
# Webhooks need a channel that is served; test_webhooks.py follows them.
WEBHOOKS = {
    "PUT /webhooks/{id}",
    "DELETE /webhooks/{id}",
    "POST /webhooks/{id}/rotate",
    "POST /webhooks/{id}/end-old",
    "POST /webhooks/{id}/test",
    "POST /webhooks/{id}/messages/{message}/again",
}
# These need a message that has gone; test_reach.py follows them.
TESTED = {"POST /users/{id}/test/reached", "POST /users/{id}/test/messages/{message}/rang"}
# What is only looked at, and an alert, which is written down once it is digested.
KEEPS_ALL = {
    "POST /organisation/plan",
    "POST /test-alert",
    "POST /check",
    "POST /backtest",
    "POST /providers/{id}/find",
    "POST /templates/preview",
}
ASKED = ["PUT /schedules/{id}", "POST /schedules/{id}/cover-requests"]
NUMBERED: dict[str, type[Model]] = {
    "feeds": Feed,
    "overrides": Override,
    "cover-requests": CoverRequest,
    "absences": Absence,
}
FIRST: dict[str, list[str]] = {
    "POST /incidents/{number}/reopen": ["POST /incidents/{number}/resolve"],
    "POST /incidents/{number}/close": ["POST /incidents/{number}/resolve"],
    "POST /incidents/{number}/same-as": ["POST /reports"],
    "POST /incidents/{number}/decline": ["POST /reports"],
    "POST /incidents/{number}/unrestrict": ["POST /incidents/{number}/restrict"],
    "POST /incidents/{number}/let-read": ["POST /incidents/{number}/restrict"],
    "POST /incidents/{number}/withdraw": [
        "POST /incidents/{number}/restrict",
        "POST /incidents/{number}/let-read",
    ],
    "DELETE /feeds/{id}": ["POST /feeds"],
    "DELETE /schedules/{id}": ["PUT /schedules/{id}"],
    "POST /schedules/{id}/overrides": ["PUT /schedules/{id}"],
    "DELETE /overrides/{id}": ["PUT /schedules/{id}", "POST /schedules/{id}/overrides"],
    "POST /schedules/{id}/cover-requests": ["PUT /schedules/{id}"],
    "POST /schedules/{id}/take": ["PUT /schedules/{id}"],
    "POST /cover-requests/{id}/accept": ASKED,
    "POST /cover-requests/{id}/decline": ASKED,
    "POST /cover-requests/{id}/withdraw": ASKED,
    "DELETE /absences/{id}": ["POST /absences"],
    "DELETE /calendars/{id}": ["PUT /calendars/{id}"],
    "PUT /schedules/{id}/calendar": ["PUT /schedules/{id}"],
    "POST /schedules/{id}/calendar/look": ["PUT /schedules/{id}", "PUT /schedules/{id}/calendar"],
    "DELETE /schedules/{id}/calendar": ["PUT /schedules/{id}", "PUT /schedules/{id}/calendar"],
    "PUT /calendars/{id}/source": ["PUT /calendars/{id}"],
    "POST /calendars/{id}/source/look": ["PUT /calendars/{id}", "PUT /calendars/{id}/source"],
    "DELETE /calendars/{id}/source": ["PUT /calendars/{id}", "PUT /calendars/{id}/source"],
    "DELETE /services/{id}": ["PUT /services/{id}"],
    "DELETE /integrations/{id}": ["PUT /integrations/{id}"],
    "POST /integrations/{id}/rotate": ["PUT /integrations/{id}"],
    "DELETE /providers/{id}": ["PUT /providers/{id}"],
    "POST /providers/{id}/test": ["PUT /providers/{id}", "PUT /places/{id}"],
    "POST /providers/{id}/introduce": ["PUT /providers/{id}"],
    "DELETE /places/{id}": ["PUT /places/{id}"],
    "DELETE /templates/{id}": ["PUT /templates/{id}"],
    "DELETE /policies/{id}": ["PUT /policies/{id}"],
    "DELETE /teams/{id}": ["PUT /teams/{id}"],
    "POST /users/{id}/deactivate": ["PUT /users/{id}"],
    "POST /users/{id}/sign-in-link": ["PUT /users/{id}"],
    "PUT /users/{id}/reach": ["PUT /users/{id}"],
    "PUT /users/{id}/quiet": ["PUT /users/{id}"],
    "POST /users/{id}/test": ["PUT /users/{id}"],
    "POST /users/{id}/contacts/{name}/verify": ["POST /users/{id}/contacts/{name}/code"],
}


def test_every_operation_that_changes_something_is_in_this_table() -> None:
    changing = {f"{method} {path}" for method, path, _ in ALL if method != "GET"}
    assert changing == set(CHANGES) | KEEPS_ALL | WEBHOOKS | TESTED


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_the_change_is_written_down_with_who_and_how(
    ada: Program, world: World, outbox: Outbox, pretend: None, clock: Clock, name: str
) -> None:
    number = ada.post("/incidents", {"service": "shop", "title": "before"}).body["number"]
    row, _ = add_token(world.bo, "before", "read", None, By("cli", "cli"), clock.now)

    own = Contact.objects.create(user=world.ada, name="own", address="fake:own")
    first = number

    def do(what: str) -> None:
        nonlocal number
        method, _, path = what.partition(" ")
        path = path.replace("{number}", str(number))
        for words, model in NUMBERED.items():
            if f"/{words}/" in path:
                path = path.replace("{id}", str(model._default_manager.latest("pk").pk))
        if "/contacts/" in path:
            path = path.replace("{id}", "ada").replace("{name}", own.name)
        path = path.replace("/templates/{id}", "/templates/de")
        path = path.replace("{id}", str(row.pk) if "/tokens/" in path else "new-one")
        body = {"incident": first} if path.endswith("/same-as") else CHANGES[what][0]
        if path.endswith("/verify"):
            body = {"code": digits(ContactCode.objects.get().nonce, own.address)}
        answer = ada.call(method, path, body)
        assert answer.status < 300, answer.text
        number = answer.body["number"] if what == "POST /reports" else number

    for before in FIRST.get(name, []):
        do(before)
    last = Entry.objects.order_by("-pk")[0].pk
    do(name)
    written = Entry.objects.filter(pk__gt=last, kind=CHANGES[name][1]).values_list("who", "through")
    assert set(written) == {("user:ada", "api")}


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_what_is_refused_leaves_no_trace(world: World, program_of: Callable[..., Program], name: str) -> None:
    stakeholder = program_of(world.sam)
    last = Entry.objects.count()
    method, _, path = name.partition(" ")
    answer = stakeholder.call(method, path.replace("{number}", "1").replace("{id}", "1"), CHANGES[name][0])
    if answer.status >= 400:
        assert Entry.objects.count() == last
