"""What the one who escalates by hand tells the next. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from tocsin.kernel.errors import Refused
from tocsin.kernel.phrases import joined, phrase

HANDOVER_LENGTH_MAX = 2_000


@dataclass(frozen=True)
class Handover:
    """What the one who escalates by hand tells the next."""

    what_happens: str = ""
    impact: str = ""
    tried: str = ""
    help_needed: str = ""

    def __post_init__(self) -> None:
        for name in ("what_happens", "impact", "tried", "help_needed"):
            if len(getattr(self, name)) > HANDOVER_LENGTH_MAX:
                raise Refused(
                    f"The answer is longer than {HANDOVER_LENGTH_MAX} characters",
                    mend="Shorten it.",
                    where=name,
                )

    def as_text(self) -> str:
        """What the next person reads first, as a phrase; "" when nothing was said."""
        parts = (
            (self.what_happens, phrase("What happens: %(text)s", text=self.what_happens.strip())),
            (self.impact, phrase("Impact: %(text)s", text=self.impact.strip())),
            (self.tried, phrase("Tried so far: %(text)s", text=self.tried.strip())),
            (self.help_needed, phrase("Help needed: %(text)s", text=self.help_needed.strip())),
        )
        return joined([said for text, said in parts if text.strip()], "\n")
