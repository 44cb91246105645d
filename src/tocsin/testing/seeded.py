"""What the product leaves to chance, drawn from a seed instead."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from uuid import UUID

from tocsin.notification.models import Delivery, Page


@contextmanager
def ids_from(random: Random) -> Iterator[None]:
    """Ids of pages and deliveries come from the seed, so that equal instants sort alike in every replay."""
    fields = [Page._meta.get_field("id"), Delivery._meta.get_field("id")]
    before = [one.default for one in fields]
    for one in fields:
        one.default = lambda: UUID(int=random.getrandbits(128))
        one.__dict__.pop("_get_default", None)  # Django caches how to make a default
    try:
        yield
    finally:
        for one, default in zip(fields, before, strict=True):
            one.default = default
            one.__dict__.pop("_get_default", None)
