"""The journal over REST: every entry, and whether the chain is whole."""

from __future__ import annotations

from typing import Annotated

from django.conf import settings
from ninja import Query
from pydantic import BaseModel, Field

from tocsin.api.auth import Asked
from tocsin.api.paging import BY_NUMBER, Listing, Paged, page_of
from tocsin.api.room import Room
from tocsin.api.shapes import EntryOut, show_entry
from tocsin.journal.actions import verify
from tocsin.journal.models import Entry
from tocsin.people.rules import May

CHAIN_LENGTH_MAX = 80
KIND_LENGTH_MAX = 48

room = Room("audit")


class AuditedEntry(EntryOut):
    """A fact with its chain and its hash, which covers the hash before it."""

    chain: str
    hash: str


class EntryFilter(Paged):
    chain: Annotated[
        str | None, Field(max_length=CHAIN_LENGTH_MAX, description='"organisation" or "incident:412"')
    ] = None
    kind: Annotated[str | None, Field(max_length=KIND_LENGTH_MAX)] = None
    who: Annotated[str | None, Field(max_length=100, description='"user:ada", "engine"')] = None


class BrokenOut(BaseModel):
    """The first entry of a chain that does not fit, and why."""

    chain: str
    seq: int
    why: str


class Verdict(BaseModel):
    whole: bool
    broken: list[BrokenOut]


@room.get("/audit/entries", may=May.AUDIT, answer=Listing[AuditedEntry])
def list_entries(request: Asked, wanted: Query[EntryFilter]) -> Listing[AuditedEntry]:
    """Everything that anybody did, the newest first."""
    rows = Entry.objects.all()
    for column in ("chain", "kind", "who"):
        if (value := getattr(wanted, column)) is not None:
            rows = rows.filter(**{column: value})
    return page_of(rows, wanted, _show, BY_NUMBER, newest_first=True)


@room.get("/audit/verify", may=May.AUDIT, answer=Verdict)
def verify_journal(request: Asked) -> Verdict:
    """Checks every entry, chain and seal; names the first break of each chain. Takes a while on a long journal."""
    broken = verify(settings.CONFIG.seal_key)
    return Verdict(
        whole=not broken, broken=[BrokenOut(chain=one.chain, seq=one.seq, why=one.why) for one in broken]
    )


def _show(entry: Entry) -> AuditedEntry:
    return AuditedEntry(**show_entry(entry).model_dump(), chain=entry.chain, hash=entry.hash)
