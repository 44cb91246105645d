"""Who does something, and through what: written into every journal entry."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class By:
    """`who` is "user:ada", "integration:shop-events", "engine" or "cli"; `through` is "web", "api", "link",
    "cli", "event", "engine" or "file"."""

    who: str
    through: str

    @property
    def user_id(self) -> str | None:
        """The person, when it was one."""
        kind, _, name = self.who.partition(":")
        return name if kind == "user" else None


ENGINE = By("engine", "engine")


def by_user(user_id: str, through: str) -> By:
    """A person, and by which way they act: "web", "link", "api"."""
    return By(f"user:{user_id}", through)
