"""How often a counted proof tries: some times in each run of the suite, as often as docs/trust.md says on demand.

`make proofs` runs them whole. `TOCSIN_PROOFS=500` lets each try 500 times.
"""

from __future__ import annotations

import os


def times(usual: int, whole: int) -> int:
    """`usual` in the suite, `whole` under `TOCSIN_PROOFS=whole`, or what that variable says."""
    wanted = os.environ.get("TOCSIN_PROOFS", "")
    if wanted == "whole":
        return whole
    return int(wanted) if wanted else usual
