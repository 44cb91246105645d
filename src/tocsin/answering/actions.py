"""Answer what was heard: find who said it, do what they asked as they may, and give back words."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from tocsin.answering import receipts
from tocsin.answering.pressing import pressed
from tocsin.answering.writing import written
from tocsin.kernel.errors import Refused
from tocsin.notification.hearing import Heard, Pressed, Receipt, Told, Tone, Written


def answer(heard: Heard, provider_id: str, now: datetime) -> Told:
    """Do what `heard`, verified to come from the provider, asks for; says what became of it in words.

    Every refusal is told, none is raised: whoever answers at night shall read why nothing was done. What the provider
    says twice is done once.
    """
    if isinstance(heard, Receipt):
        return receipts.noted(heard, now)
    try:
        with transaction.atomic():
            if isinstance(heard, Pressed):
                return pressed(heard, provider_id, now)
            if isinstance(heard, Written):
                return written(heard, provider_id, now)
            return Told("Nothing here understands that.", Tone.NOT_DONE)
    except Refused as refused:
        return Told(f"Nothing was done: {refused}", Tone.NOT_DONE)
