"""What a new organisation does first, and the test alert that goes the whole road."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from tocsin.catalog.actions import reveal_key
from tocsin.catalog.models import Integration, Service
from tocsin.catalog.rules import IntegrationType
from tocsin.escalation.models import Policy
from tocsin.intake.models import Alert
from tocsin.intake.rules import key_digest
from tocsin.kernel.errors import Refused
from tocsin.people.models import Contact, User
from tocsin.people.rules import May
from tocsin.web.forms import asker
from tocsin.web.guard import needs
from tocsin.web.layout import organisation_row
from tocsin.web.setup_lines import Lines, lines_for, other_lines_for

SECONDS_MAX = 5.0  # that sending the test alert may take
LOOKS_MAX = 15  # reloads, a second each, before the page says that something is wrong
ENOUGH_PEOPLE = 2


@dataclass(frozen=True)
class Steps:
    """The steps and which are done; `lines` are what a sender needs, for those who may see keys."""

    connected: bool
    people: bool
    policy: bool
    integration: Integration | None
    lines: tuple[Lines, ...]
    service: Service | None
    demo: bool

    @property
    def done(self) -> bool:
        return self.connected and self.people and self.policy


def first_steps(reader: User) -> Steps | None:
    """What is left to do before the first real alert, with lines to copy; None when there is nothing to show."""
    organisation = organisation_row()
    connected = Integration.objects.filter(last_event_at__isnull=False).exists() or Alert.objects.exists()
    sound = Contact.objects.sound()
    people = User.objects.filter(is_active=True, contacts__in=sound).distinct()[:ENOUGH_PEOPLE]
    steps = Steps(
        connected=connected,
        people=len(people) >= ENOUGH_PEOPLE,
        policy=Policy.objects.exclude(levels=[]).filter(pk__in=Service.objects.values("policy")).exists(),
        integration=first_integration(),
        lines=(),
        service=Service.objects.first(),
        demo=organisation.demo,
    )
    if steps.done and not organisation.demo:
        return None
    if not steps.connected and steps.integration is not None and reader.may(May.SEE_KEYS):
        return Steps(**(steps.__dict__ | {"lines": _lines(steps.integration)}))
    return steps


def first_integration(wanted: str = "") -> Integration | None:
    """Where a test alert goes: the integration `wanted`, else the most critical service's first way in, for events
    rather than Alertmanager."""
    enabled = Integration.objects.filter(enabled=True).select_related("service")
    return enabled.filter(pk=wanted).first() or enabled.order_by("-type", "service__tier", "id").first()


def _lines(integration: Integration) -> tuple[Lines, ...]:
    """The three usual ways to connect: Alertmanager, a PagerDuty-shaped sender, curl."""
    try:
        key = reveal_key(integration)
    except Refused:
        return ()
    kind = IntegrationType(integration.type)
    usual = lines_for(kind, settings.PUBLIC_URL, key, settings.CONFIG.mail_domain)
    ways = usual + other_lines_for(kind, settings.PUBLIC_URL, key)
    wanted = ("Alertmanager, webhook", "PagerDuty-shaped senders", "curl, PagerDuty-shaped")
    return tuple(
        sorted((way for way in ways if way.title in wanted), key=lambda way: wanted.index(way.title))
    )


# -- the test alert --------------------------------------------------------------------------------------------------

SendEvent = Callable[[HttpRequest, Mapping[str, Any]], None]


def over_loopback(request: HttpRequest, event: Mapping[str, Any]) -> None:
    """Post `event` to this very program, as any sender would. Raises Refused when it is not taken."""
    host, port = request.META["SERVER_NAME"], request.META["SERVER_PORT"]
    host = f"[{host}]" if ":" in host else host
    try:
        answer = httpx2.post(
            f"http://{host}:{port}/v2/enqueue", json=dict(event), timeout=SECONDS_MAX, trust_env=False
        )
    except httpx2.HTTPError as error:
        raise Refused(
            f"The intake could not be reached ({type(error).__name__})",
            mend="Send the curl lines of the integration's page from a shell.",
            status=503,
        ) from error
    if not answer.is_success:
        raise Refused(
            f"The intake answered {answer.status_code}",
            "202",
            "Look at the integration's page: is it switched on?",
            status=502 if answer.status_code >= 500 else 409,
        )


send_event: SendEvent = over_loopback  # the site may put another way here


@needs(May.SEND_TEST)
@require_POST
def send_test(request: HttpRequest) -> HttpResponse:
    """Send a real alert through the real intake, then lead to the incident it opens."""
    integration = first_integration(request.POST.get("integration", ""))
    if integration is None:
        raise Refused(
            "No integration is switched on",
            "one that can take a test alert",
            "Add one to a service.",
            status=409,
        )
    key = f"test-{secrets.token_hex(6)}"
    event = {
        "routing_key": reveal_key(integration),
        "event_action": "trigger",
        "dedup_key": key,
        "payload": {
            "summary": f"Test alert, sent by {asker(request).name}",
            "source": "tocsin-test",
            "severity": "critical",
            "custom_details": {
                "test": "yes",
                "what to do": "Acknowledge it, from the message or on its page.",
            },
        },
    }
    send_event(request, event)
    response = redirect("test_alert_sent", integration_id=integration.pk, key=key)
    response.status_code = 303
    return response


@needs(May.SEND_TEST)
@require_safe
def sent(request: HttpRequest, integration_id: str, key: str) -> HttpResponse:
    """Lead on to the incident once there is one; until then say that the alert is accepted, and look again."""
    alerts = Alert.objects.filter(integration_id=integration_id, key_digest=key_digest(integration_id, key))
    incident = alerts.filter(incident__isnull=False).values_list("incident_id", flat=True).first()
    if incident is not None:
        return redirect("incident", incident_id=incident)
    looks = request.GET.get("looks", "0")
    tried = int(looks) if looks.isdigit() and len(looks) < 4 else 0
    return render(request, "test_sent.html", {"again": tried + 1 if tried < LOOKS_MAX else None})
