"""tocsin run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def run(
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    data: Path | None = None,
    demo: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Run web, API, intake and engine in one process, until Ctrl-C or SIGTERM.

    Parameters
    ----------
    host
        The address to listen on; 0.0.0.0 for all of this machine.
    port
        The port to listen on; 0 for any free one.
    data
        The folder of the database, the secret key and the local token (TOCSIN_DATA; ./data by default).
    demo
        Make a small demo organisation that can be played with, when there is none.
    """
    from tocsin.site.run import run as run_program

    run_program(host, port, data, demo)
