"""Write entries, seal chains, verify everything, take leases."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, models, transaction
from django.db.models import F, Q

from tocsin.journal.columns import from_instant
from tocsin.journal.models import Entry, Head, Lease, Seal
from tocsin.journal.rules import GENESIS, Broken, Link, check_chain, hash_of, seal_of
from tocsin.kernel.acting import By

HEADS_PER_SEAL = 1_000
ORGANISATION = "organisation"  # the chain of configuration and access


@dataclass(frozen=True)
class Fact:
    """What is written: the chain it belongs to, the verb ("incident.opened"), what it says, when it happened."""

    chain: str
    kind: str
    data: Mapping[str, Any]
    happened_at: datetime | None = None


def write(facts: Sequence[Fact], by: By, now: datetime) -> None:
    """Append `facts` in their order, inside the caller's transaction (there must be one).

    Writers of the same chain wait for each other on its head; writers of different chains do not.
    """
    if not facts:
        return
    if not connection.in_atomic_block:
        raise RuntimeError("a journal entry is written in the transaction that makes it true")
    heads = lock_heads(sorted({fact.chain for fact in facts}))
    rows = []
    for fact in facts:
        seq, previous = heads[fact.chain]
        at = fact.happened_at or now
        link = Link(fact.chain, seq + 1, fact.kind, at, now, by.who, by.through, fact.data)
        digest = hash_of(previous, link)
        heads[fact.chain] = (link.seq, digest)
        data = json.dumps(fact.data, ensure_ascii=False)
        rows.append(
            (
                fact.chain,
                link.seq,
                fact.kind,
                from_instant(at),
                from_instant(now),
                by.who,
                by.through,
                data,
                digest,
            )
        )
    with connection.cursor() as cursor:
        cursor.executemany(_APPEND, rows)
        cursor.executemany(_ADVANCE, [(seq, digest, chain) for chain, (seq, digest) in heads.items()])


# Written for every fact there is, so as plain statements.
_APPEND = """
    INSERT INTO journal_entry (chain, seq, kind, happened_at, written_at, who, through, data, hash)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_ADVANCE = "UPDATE journal_head SET seq = %s, hash = %s WHERE chain = %s"
_BEGIN = (
    "INSERT INTO journal_head (chain, seq, hash, sealed_seq) VALUES (%s, 0, %s, 0) ON CONFLICT DO NOTHING"
)


def lock_heads(chains: Sequence[str]) -> dict[str, tuple[int, str]]:
    """Number and hash of the last entry of each chain, locked until the transaction ends; new chains begin."""
    lock = " ORDER BY chain FOR UPDATE" if connection.features.has_select_for_update else ""
    heads: dict[str, tuple[int, str]] = {}
    with connection.cursor() as cursor:

        def read(some: Sequence[str]) -> None:
            marks = ", ".join(["%s"] * len(some))
            cursor.execute(f"SELECT chain, seq, hash FROM journal_head WHERE chain IN ({marks}){lock}", some)
            heads.update({chain: (seq, digest) for chain, seq, digest in cursor.fetchall()})

        read(chains)
        if missing := [chain for chain in chains if chain not in heads]:
            cursor.executemany(_BEGIN, [(chain, GENESIS) for chain in missing])
            if cursor.rowcount == len(missing):
                heads.update(dict.fromkeys(missing, (0, GENESIS)))
            else:  # another node has begun one at the same moment: this one has waited, and reads what that one wrote
                read(missing)
    return heads


def seal(key: bytes, now: datetime, limit: int = HEADS_PER_SEAL) -> int:
    """Sign the heads that moved since the last seal; returns how many. Run by one node at a time."""
    with transaction.atomic():
        moved = list(
            Head.objects.select_for_update(skip_locked=True)
            .filter(seq__gt=F("sealed_seq"))
            .order_by("chain")[:limit]
        )
        if not moved:
            return 0
        last = Seal.objects.order_by("-pk").first()
        heads = {head.chain: (head.seq, head.hash) for head in moved}
        signature = seal_of(key, last.signature if last else GENESIS, heads, now)
        Seal.objects.create(made_at=now, heads=heads, signature=signature)
        Head.objects.filter(pk__in=heads).update(sealed_seq=F("seq"))
        return len(moved)


def verify(key: bytes) -> list[Broken]:
    """Check every chain, head and seal; returns the first break of each, the earliest written first, [] when whole."""
    broken: list[Broken] = []
    heads: dict[str, tuple[int, str]] = {}
    sealed: dict[str, dict[int, str]] = {}
    previous = GENESIS
    for seal_row in Seal.objects.order_by("pk").iterator():
        named = {chain: (int(seq), str(digest)) for chain, (seq, digest) in seal_row.heads.items()}
        if seal_of(key, previous, named, seal_row.made_at) != seal_row.signature:
            broken.append(
                Broken("seals", seal_row.pk, "a seal was changed, removed or made with another key")
            )
            break
        previous = seal_row.signature
        for chain, (seq, digest) in named.items():
            sealed.setdefault(chain, {})[seq] = digest
    for chain, links in _chains():
        seen: dict[int, str] = {link.seq: link.hash for link in links}
        fault = check_chain(links)
        if fault is None:
            for seq, digest in sorted(sealed.get(chain, {}).items()):
                if seen.get(seq) != digest:
                    why = (
                        "it was sealed and is gone"
                        if seq not in seen
                        else "it is not the entry that was sealed"
                    )
                    fault = Broken(chain, seq, why)
                    break
        if fault:
            broken.append(fault)
        heads[chain] = (links[-1].seq, links[-1].hash)
    for chain in sealed.keys() - heads.keys():
        broken.append(Broken(chain, min(sealed[chain]), "the whole chain was sealed and is gone"))
    named_broken = {fault.chain for fault in broken}
    for head in Head.objects.order_by("chain").iterator():
        fits = heads.get(head.chain, (0, GENESIS)) == (head.seq, head.hash)
        if head.chain not in named_broken and not fits and not _ends_well(head.chain):
            broken.append(Broken(head.chain, head.seq, "the last entry is missing or changed"))
    return broken


def _ends_well(chain: str) -> bool:
    """Whether a chain that somebody may be writing at this moment ends where its head says.

    Head first: what was added after that look is more, and never less, than the head names.
    """
    head = Head.objects.filter(pk=chain).first()
    if head is None:
        return False
    tail = list(
        Entry.objects.filter(chain=chain, seq__gte=head.seq).order_by("seq").values_list("seq", "hash")
    )
    if not tail or tail[0] != (head.seq, head.hash):
        return False
    return Head.objects.filter(pk=chain, seq__gte=tail[-1][0]).exists()


def _chains() -> Iterator[tuple[str, list[Link]]]:
    """Every chain with its entries in the order of their numbers."""
    chain, links = "", list[Link]()
    for entry in Entry.objects.order_by("chain", "seq").iterator(chunk_size=2_000):
        if entry.chain != chain and links:
            yield chain, links
            links = []
        chain = entry.chain
        links.append(entry.as_link())
    if links:
        yield chain, links


def take_lease(name: str, holder: str, now: datetime, length: timedelta) -> int | None:
    """The fencing token when `holder` now has the lease `name` until `now + length`, else None.

    Renewing keeps the token; taking over an expired lease raises it, so that a holder who was asleep is refused.
    """
    with transaction.atomic():
        Lease.objects.bulk_create([Lease(name=name, holder=holder, until=now)], ignore_conflicts=True)
        mine = Q(holder=holder) | Q(until__lte=now)
        fence = models.Case(models.When(holder=holder, then=F("fence")), default=F("fence") + 1)
        won = Lease.objects.filter(mine, name=name).update(holder=holder, until=now + length, fence=fence)
        return Lease.objects.values_list("fence", flat=True).get(name=name) if won else None


def release_lease(name: str, holder: str, now: datetime) -> None:
    """Let others take it at once."""
    Lease.objects.filter(name=name, holder=holder).update(until=now)


def end_leases(now: datetime) -> int:
    """End every lease that runs; returns how many. Only for where whoever holds one is known to be dead."""
    return Lease.objects.filter(until__gt=now).update(until=now)
