"""Years of history: what a page costs the database stays what it was."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.costs import PAST, counting, grown, live_through
from tests.stories.road import Road
from tests.web.conftest import SignedIn
from tocsin.incident.models import Incident
from tocsin.intake.models import Alert

pytestmark = pytest.mark.sqlite


PAGES = (
    "/",
    "/incidents",
    "/incidents?state=all",
    "/incidents/{incident}",
    "/alerts/{alert}",
    "/services",
    "/services/shop",
    "/teams/web",
    "/people/bo",
    "/report",
    "/integrations/shop-events",
    "/api/v1/incidents",
    "/api/v1/incidents/{incident}",
)


def test_what_a_page_costs_does_not_grow_with_the_history(road: Road, signed_in: SignedIn) -> None:
    browser = signed_in("ada")
    live_through(road, 60, "past")  # more than a page shows
    incident = Incident.objects.values_list("pk", flat=True)[0]
    alert = Alert.objects.values_list("pk", flat=True)[0]
    road.event("now")
    road.look()

    def cost(page: str) -> Counter[str]:
        with counting() as steps:
            answer = browser.get(page.format(incident=incident, alert=alert))
        assert answer.status_code == 200, (page, answer.status_code)
        return steps

    # Twice, for the first time much is asked that is remembered.
    before = {page: cost(page) for page in (*PAGES, *PAGES)}
    live_through(road, PAST, "more")
    found = [f"{page}\n{more}" for page in PAGES if (more := grown(before[page], cost(page)))]
    assert not found, "\n".join(found)
