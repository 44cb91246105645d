"""What stands in a setting or in the organisation file is what it says: nothing is filled in (TRUST C22)."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from django.db import connection

from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.catalog.models import Service
from tocsin.kernel.acting import By
from tocsin.organisation.actions import apply
from tocsin.organisation.exporting import export
from tocsin.organisation.plan import plan
from tocsin.organisation.reading import File
from tocsin.site.config import read_config

CANARY = "canary-4711"
NAMES = (
    "${TOCSIN_CANARY}", "$TOCSIN_CANARY", "%TOCSIN_CANARY%", "{{ env.TOCSIN_CANARY }}", "$(printenv TOCSIN_CANARY)",
    "`printenv TOCSIN_CANARY`", "!!python/object/apply:os.getenv [TOCSIN_CANARY]", "!ENV ${TOCSIN_CANARY}",
    "${file:/etc/hostname}", "shop # ${TOCSIN_CANARY}", "{0.__class__}", "%(TOCSIN_CANARY)s",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _canary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_CANARY", CANARY)


@pytest.mark.parametrize("name", NAMES)
def test_c22_a_name_in_the_organisation_file_stays_as_it_is_to_the_page(
    name: str, world: World, clock: Clock, outbox: Outbox
) -> None:
    road = Road(world, clock)
    text = yaml.safe_dump({"services": [{"id": "shop", "name": name, "policy": "web"}]}, width=1_000)
    apply(plan([File("o.yaml", text)]), By("cli", "file"), road.now)
    assert Service.objects.get(pk="shop").name == name
    assert {each["id"]: each["name"] for each in yaml.safe_load(export())["services"]}["shop"] == name
    road.event("one", title=name)
    road.look()
    message = outbox.to("bo")[0]
    assert name in message.subject
    with connection.cursor() as cursor:
        cursor.execute("SELECT subject, lines FROM notification_page")
        assert CANARY not in str(cursor.fetchall()) + str(message)


def test_c22_a_setting_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "tocsin.toml"
    file.write_text('url = "https://tocsin.example.com/${TOCSIN_CANARY}"\n')
    try:
        said = str(read_config({"TOCSIN_DATA": str(tmp_path / "data"), "TOCSIN_CONFIG": str(file)}))
    except Exception as refused:
        said = str(refused)
    assert CANARY not in said
