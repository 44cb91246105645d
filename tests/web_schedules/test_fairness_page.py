"""Who carries how much: the table, the index with its formula, the CSV."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest

from tests.web.conftest import SignedIn, text_of
from tests.web_schedules.conftest import WEEKLY, page, store
from tests.world import Clock, World
from tocsin.kernel.acting import ENGINE
from tocsin.oncall.actions import add_override
from tocsin.oncall.rules import Override
from tocsin.people.models import User

SPAN = "kind=planned&from=2026-03-09&to=2026-03-22"


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_table_counts_hours_nights_weekends(weekly: str, signed_in: SignedIn) -> None:
    answer = signed_in("sam").get(f"/schedules/web-primary/fairness?{SPAN}&as=csv")
    assert (
        answer["Content-Disposition"]
        == 'attachment; filename="on-call-web-primary-2026-03-09-2026-03-22.csv"'
    )
    found = {row["id"]: row for row in rows(answer.content.decode())}
    # Two weeks less nine hours at either end are somebody else's: Bo has Monday 00-09 and the second week.
    assert found["cy"]["hours"] == "168.0"
    assert float(found["bo"]["hours"]) == 168
    assert found["cy"]["weekend_hours"] == "48.0" and found["cy"]["night_hours"] == "56.0"
    assert {row["zone"] for row in found.values()} == {"Europe/Madrid"}


def test_the_page_shows_the_formula_beside_the_index(weekly: str, signed_in: SignedIn) -> None:
    said = text_of(signed_in("sam").get(f"/schedules/web-primary/fairness?{SPAN}"))
    assert "(x₁ + … + xₙ)² / (n · (x₁² + … + xₙ²))" in said
    assert "Balance 1.00" in said


def test_what_was_served_is_as_it_stood_then(weekly: str, clock: Clock, signed_in: SignedIn) -> None:
    start = clock.now + timedelta(hours=1)
    add_override(weekly, Override("", start, start + timedelta(hours=5), ("mo",)), ENGINE, clock.now)
    clock.forward(days=3)
    store(clock, [{**WEEKLY, "users": ["cy"]}])  # and everything is another from now on
    address = "/schedules/web-primary/fairness?from=2026-03-02&to=2026-03-03&as=csv"
    served = {row["id"]: float(row["hours"]) for row in rows(signed_in("sam").get(address).content.decode())}
    assert served["mo"] == 5
    assert served["bo"] > 30


def test_nobody_has_served_what_still_lies_ahead(weekly: str, clock: Clock, signed_in: SignedIn) -> None:
    saved = clock.now
    clock.forward(days=2, hours=3)
    reader = signed_in("sam")
    first, last = (clock.now + timedelta(days=n) for n in (-10, 10))
    address = f"/schedules/web-primary/fairness?from={first:%Y-%m-%d}&to="
    found = rows(reader.get(f"{address}{last:%Y-%m-%d}&as=csv").content.decode())
    assert sum(float(row["hours"]) for row in found) == (clock.now - saved) / timedelta(hours=1) == 51
    assert "; until now" in text_of(reader.get(f"{address}{last:%Y-%m-%d}"))
    assert "; until now" not in text_of(reader.get(f"{address}{saved:%Y-%m-%d}"))
    # Days that all lie ahead: everybody with nought.
    ahead = f"from={last:%Y-%m-%d}&to={last + timedelta(days=2):%Y-%m-%d}"
    answer = reader.get(f"/schedules/web-primary/fairness?{ahead}&as=csv").content.decode()
    assert {row["hours"] for row in rows(answer)} == {"0.0"}


def test_suggestions_are_links_for_who_may(world: World, clock: Clock, signed_in: SignedIn) -> None:
    store(clock, [{"rotation": "daily", "start": "2026-03-01T09:00", "users": ["bo", "bo", "bo", "cy"]}])
    address = f"/schedules/web-primary/fairness?{SPAN}"
    said = text_of(signed_in("sam").get(address))
    assert "Cy Tran could take" in said and "nothing happens by itself" in said
    assert "override?from=" in page(signed_in("mo"), address)
    assert "override?from=" not in page(signed_in("sam"), address)


def test_an_hour_on_two_schedules_of_a_team_counts_once(
    world: World, clock: Clock, signed_in: SignedIn
) -> None:
    for key in ("one", "two"):
        store(
            clock, [{"rotation": "fixed", "start": "2026-01-05T00:00", "users": ["bo"]}], key, key, team="web"
        )
    answer = signed_in("sam").get("/teams/web/fairness?kind=planned&from=2026-03-09&to=2026-03-09&as=csv")
    assert [row["hours"] for row in rows(answer.content.decode())] == ["24.0"]
    page(signed_in("sam"), "/teams/none/fairness", 404)


@pytest.mark.parametrize(
    "query", ["from=x&to=y", "from=2026-03-10&to=2026-03-01", "from=1980-01-01&to=2100-01-01", "kind=x"]
)
def test_days_that_cannot_be_are_mended(query: str, weekly: str, signed_in: SignedIn) -> None:
    for kind in ("", "&kind=planned"):
        assert "Bo Lind" in page(signed_in("sam"), f"/schedules/web-primary/fairness?{query}{kind}")


def test_a_name_is_no_formula_to_a_spreadsheet(weekly: str, signed_in: SignedIn) -> None:
    User.objects.filter(pk="bo").update(name='=HYPERLINK("http://x")')
    answer = signed_in("sam").get(f"/schedules/web-primary/fairness?{SPAN}&as=csv")
    assert "'=HYPERLINK" in answer.content.decode()
