"""One file of an organisation, org.yaml: what comes of it when it is applied, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.world import Clock
from tocsin.kernel.acting import By
from tocsin.organisation.actions import apply
from tocsin.organisation.plan import plan
from tocsin.organisation.reading import File, FilesRefused

BY = By("cli", "file")


def applied(
    text: str, clock: Clock, prune: bool = False, outside: Mapping[str, str] | None = None
) -> list[str]:
    """Apply `text`; what its plan said."""
    planned = plan([File("org.yaml", text)], prune, outside or {})
    words = planned.in_words()
    apply(planned, BY, clock.now)
    return words


def mistakes(text: str, prune: bool = False, outside: Mapping[str, str] | None = None) -> list[str]:
    """What is told of `text`, which must not be whole."""
    with pytest.raises(FilesRefused) as refused:
        plan([File("org.yaml", text)], prune, outside or {})
    return [str(problem) for problem in refused.value.problems]
