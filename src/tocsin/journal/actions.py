"""Write entries, seal chains, verify everything, take leases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import models, transaction
from django.db.models import F, Q

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
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("a journal entry is written in the transaction that makes it true")
    chains = sorted({fact.chain for fact in facts})
    heads = {
        head.chain: head
        for head in Head.objects.select_for_update().filter(chain__in=chains).order_by("chain")
    }
    missing = [chain for chain in chains if chain not in heads]
    if missing:
        # Two nodes may begin a chain at once: the loser of the insert waits, then reads the winner's row.
        Head.objects.bulk_create([Head(chain=c, seq=0, hash=GENESIS) for c in missing], ignore_conflicts=True)
        heads |= {
            h.chain: h for h in Head.objects.select_for_update().filter(chain__in=missing).order_by("chain")
        }
    entries = []
    for fact in facts:
        head = heads[fact.chain]
        link = Link(
            chain=fact.chain,
            seq=head.seq + 1,
            kind=fact.kind,
            happened_at=fact.happened_at or now,
            written_at=now,
            who=by.who,
            through=by.through,
            data=fact.data,
        )
        link = replace(link, hash=hash_of(head.hash, link))
        head.seq, head.hash = link.seq, link.hash
        entries.append(Entry(**link.__dict__))
    Entry.objects.bulk_create(entries)
    with transaction.get_connection().cursor() as cursor:
        cursor.executemany(
            "UPDATE journal_head SET seq = %s, hash = %s WHERE chain = %s",
            [(head.seq, head.hash, head.chain) for head in heads.values()],
        )


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
        if head.chain not in named_broken and heads.get(head.chain, (0, GENESIS)) != (head.seq, head.hash):
            broken.append(Broken(head.chain, head.seq, "the last entry is missing or changed"))
    return broken


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
