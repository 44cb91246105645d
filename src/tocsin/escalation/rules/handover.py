"""What the one who escalates by hand tells the next. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from tocsin.kernel.errors import Refused

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
        """What the next person reads first; "" when nothing was said."""
        parts = (
            ("What happens", self.what_happens),
            ("Impact", self.impact),
            ("Tried so far", self.tried),
            ("Help needed", self.help_needed),
        )
        return "\n".join(f"{label}: {text.strip()}" for label, text in parts if text.strip())
