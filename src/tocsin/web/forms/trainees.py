"""Trainees as they are typed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from tocsin.oncall.rules.values import SHADOWS_MAX
from tocsin.web.forms.windows import count_of


@dataclass
class ShadowDraft:
    """A trainee who is sent copies, as typed; `of` "": of whoever is on call."""

    trainee: str = ""
    of: str = ""
    start: str = ""
    end: str = ""
    errors: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, data: QueryDict) -> list[ShadowDraft]:
        def text(k: int, name: str) -> str:
            return data.get(f"shadow-{k}-{name}", "").strip()

        return [
            cls(text(k, "trainee"), text(k, "of"), text(k, "start"), text(k, "end"))
            for k in range(count_of(data, "shadows", SHADOWS_MAX))
        ]

    def as_data(self) -> dict[str, Any]:
        """In the words of the organisation file."""
        of = {"of": self.of} if self.of else {}
        return {"trainee": self.trainee, **of, "start": self.start, "end": self.end}
