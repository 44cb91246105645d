"""A delivery in the hands of whoever sends it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from tocsin.notification.models import Page
from tocsin.notification.rules.grades import Grade, grade_of


@dataclass(frozen=True)
class Claimed:
    """A delivery that this node may send now, under the fence that its result must carry."""

    id: UUID
    fence: int
    attempt: int
    address: str
    contact: str
    urgent: bool
    due_at: datetime
    lease_until: datetime
    to_name: str
    page: Page
    counted: bool = False  # against the limits of its address, by an earlier attempt
    parent: str = ""  # the provider's name for the first message about this incident to this address
    others: tuple[Claimed, ...] = field(default=(), compare=False)  # which this message tells as well

    @property
    def grade(self) -> Grade:
        return grade_of(self.urgent, str(self.page.details.get("priority", "")))
