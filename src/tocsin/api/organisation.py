"""The organisation over REST: its settings, its file planned, applied and exported, and the numbers."""

from __future__ import annotations

from typing import Annotated

from ninja import Query, Status
from pydantic import BaseModel, Field

from tocsin.api.auth import Asked
from tocsin.api.numbers import totals
from tocsin.api.room import Room
from tocsin.api.words import Data, Name, Sent, Slug
from tocsin.catalog.actions import organisation, save_organisation
from tocsin.catalog.models import Organisation
from tocsin.catalog.rules import matrix_from
from tocsin.channels.signing import secret_of_hook
from tocsin.hooks.models import Hook
from tocsin.kernel.urgency import Impact, Priority, Urgency
from tocsin.notification.providers import SETTING_LENGTH_MAX
from tocsin.notification.rules import DeliveryState
from tocsin.organisation.actions import apply
from tocsin.organisation.exporting import export
from tocsin.organisation.impacts import impact_lines
from tocsin.organisation.outside import OUTSIDE_MAX, OUTSIDE_NAME_LENGTH_MAX
from tocsin.organisation.plan import Plan, plan
from tocsin.organisation.reading import FILE_BYTES_MAX, FILES_MAX, File
from tocsin.organisation.rules import WEBHOOKS, Added, Change, Changed
from tocsin.organisation.schema import json_schema
from tocsin.people.rules import May

FILE_NAME_LENGTH_MAX = 200

room = Room("organisation")


# -- settings -------------------------------------------------------------------------------------------------------


class SettingsBody(Sent):
    """What holds for everything. `priorities` maps impact to urgency to priority; what is left out is as shipped.
    `fallback` is the person paged when a policy reaches nobody."""

    name: Name
    priorities: dict[Impact, dict[Urgency, Priority]] = {}
    fallback: Slug | None = None


@room.get("/organisation/settings", may=May.SEE, answer=SettingsBody)
def show_settings(request: Asked) -> SettingsBody:
    """What holds for everything."""
    return _settings(organisation())


@room.put("/organisation/settings", may=May.SETTINGS, answer=SettingsBody)
def save_settings(request: Asked, body: SettingsBody) -> Status[SettingsBody]:
    """Replaces the settings."""
    matrix = matrix_from(
        {str(i): {str(u): str(p) for u, p in row.items()} for i, row in body.priorities.items()}
    )
    return Status(
        200, _settings(save_organisation(body.name, matrix, body.fallback, request.auth.by, request.now))
    )


def _settings(row: Organisation) -> SettingsBody:
    matrix = matrix_from(row.matrix)
    return SettingsBody(
        name=row.name,
        priorities={impact: dict(row) for impact, row in matrix.items()},
        fallback=row.fallback_id,
    )


# -- the file -------------------------------------------------------------------------------------------------------


class OrganisationFile(Sent):
    """One file's text; `name` is what its mistakes are reported under."""

    name: Annotated[str, Field(min_length=1, max_length=FILE_NAME_LENGTH_MAX)] = "organisation.yaml"
    text: Annotated[str, Field(max_length=FILE_BYTES_MAX)]


OutsideName = Annotated[str, Field(max_length=OUTSIDE_NAME_LENGTH_MAX + 5)]
OutsideValue = Annotated[str, Field(max_length=SETTING_LENGTH_MAX)]


class OrganisationFiles(Sent):
    """`prune`: what a section lists no longer is removed, or switched off when the past names it. `outside`: the values
    that the files name as `{env: NAME}` and `{file: PATH}`, by `env:NAME` and `file:PATH`; the program looks nowhere
    itself."""

    files: Annotated[list[OrganisationFile], Field(min_length=1, max_length=FILES_MAX)]
    outside: Annotated[dict[OutsideName, OutsideValue], Field(max_length=OUTSIDE_MAX)] = {}
    prune: Annotated[bool, Field(strict=True)] = False


class PlannedChange(BaseModel):
    """One object and what becomes of it: "add", "change", "remove" or "switch off"."""

    section: str
    id: str
    what: str
    words: str


class PlanOut(BaseModel):
    """What applying does; `words` is the same for a person to read, a line each."""

    changes: list[PlannedChange]
    words: list[str]


class PlannedOut(PlanOut):
    """`impact`: what becomes of people's shifts within 12 weeks, a line for each schedule."""

    impact: list[str]


class AppliedOut(PlanOut):
    """What was done. `keys` holds the keys that were made, by integration, and `secrets` what signs for the webhooks
    that were made, by webhook: said once."""

    keys: dict[str, str]
    secrets: dict[str, str]


class ExportFilter(BaseModel):
    keys: Annotated[bool, Field(description="Put the integrations' keys in, in plain text")] = False


class ExportOut(BaseModel):
    """The file that, applied now, changes nothing."""

    text: str


@room.post("/organisation/plan", may=May.SETTINGS, answer=PlannedOut)
def plan_files(request: Asked, body: OrganisationFiles) -> PlannedOut:
    """What applying these files would do, without doing it. Every mistake is named with its file and line."""
    planned = plan(_files(body), body.prune, body.outside)
    return PlannedOut(**_planned(planned).model_dump(), impact=impact_lines(planned, request.now))


@room.post("/organisation/apply", may=May.SETTINGS, answer=AppliedOut)
def apply_files(request: Asked, body: OrganisationFiles) -> AppliedOut:
    """Does what the files say: all of it or nothing. The same files again change nothing."""
    planned = plan(_files(body), body.prune, body.outside)
    applied = apply(planned, request.auth.by, request.now)
    secrets = _secrets([each.id for each in planned.added if each.section == WEBHOOKS])
    return AppliedOut(**_planned(planned).model_dump(), keys=applied.keys, secrets=secrets)


@room.get("/organisation", may=May.SETTINGS, answer=ExportOut)
def export_file(request: Asked, wanted: Query[ExportFilter]) -> ExportOut:
    """The whole organisation as one file."""
    if wanted.keys:
        request.auth.must(May.SEE_KEYS)
    return ExportOut(text=export(wanted.keys))


@room.get("/organisation/schema", may=May.SEE, answer=Data)
def show_file_schema(request: Asked) -> Data:
    """The JSON Schema of the file, for editors."""
    return json_schema()


def _secrets(ids: list[str]) -> dict[str, str]:
    rows = Hook.objects.filter(pk__in=ids).order_by("pk")
    return {row.pk: secret_of_hook(row.pk, row.nonce) for row in rows}


def _files(body: OrganisationFiles) -> list[File]:
    return [File(file.name, file.text) for file in body.files]


def _planned(planned: Plan) -> PlanOut:
    return PlanOut(changes=[_change(change) for change in planned.changes], words=planned.in_words())


def _change(change: Change) -> PlannedChange:
    if isinstance(change, Added):
        what = "add"
    elif isinstance(change, Changed):
        what = "change"
    else:
        what = change.fate.value
    return PlannedChange(section=change.section, id=change.id, what=what, words=str(change))


# -- the numbers ----------------------------------------------------------------------------------------------------


class NumbersOut(BaseModel):
    """The numbers that add up: accepted is the sum of `events`; planned = suppressed + due;
    due = waiting + sent + undeliverable; sent counts the confirmed too."""

    accepted: int
    events: dict[str, int]
    requests_waiting: int
    requests_quarantined: int
    planned: int
    suppressed: int
    due: int
    waiting: int
    sent: int
    confirmed: int
    undeliverable: int
    deliveries: dict[DeliveryState, int]


@room.get("/numbers", may=May.SEE, answer=NumbersOut)
def show_numbers(request: Asked) -> NumbersOut:
    """What was ever accepted, and where it is now."""
    found = totals(request.now)
    return NumbersOut(**{name: getattr(found, name) for name in NumbersOut.model_fields})
