"""`python -m tocsin.testing.simulate --seeds 2000`: the simulator over many seeds, in a database of its own."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter

SEEDS_DEFAULT = "200"


def seeds_of(text: str) -> range:
    """ "2000" is the first 2000 seeds, "17-42" is those, "=17" is that one. Raises ValueError."""
    if text.startswith("="):
        return range(int(text[1:]), int(text[1:]) + 1)
    first, dash, last = text.partition("-")
    return range(int(first), int(last) + 1) if dash else range(int(first))


def main(arguments: list[str] | None = None) -> int:
    """Play the seeds of the command line; returns the process's exit code, 0 when every promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m tocsin.testing.simulate", description=__doc__)
    parser.add_argument("--seeds", default=SEEDS_DEFAULT, help='how many, or "17-42", or "=17" for one')
    seeds = seeds_of(parser.parse_args(arguments).seeds)
    with tempfile.TemporaryDirectory(prefix="tocsin-simulate-") as folder:
        os.environ["TOCSIN_DATA"] = folder
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tocsin.site.settings")
        return _play(seeds)


def _play(seeds: range) -> int:
    # Django reads its settings when it is imported, so nothing that needs it may be imported before.
    import django

    django.setup()
    from django.core.management import call_command

    from tocsin.testing.promises import PromiseBroken
    from tocsin.testing.simulator import Simulation

    call_command("migrate", verbosity=0)
    totals: Counter[str] = Counter()
    for seed in seeds:
        try:
            totals += Simulation(seed).run()
        except PromiseBroken as broken:
            sys.stdout.write(f"{broken}\nReplay it: make simulate SEEDS=={seed}\n")
            return 1
    said = ", ".join(f"{count} {what}" for what, count in sorted(totals.items()))
    sys.stdout.write(f"{len(seeds)} seeds, every promise held ({said}).\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
