"""The command line: `tocsin`. One file for each noun; heavy imports happen inside the commands."""

from __future__ import annotations

import sys

from tocsin.cli.app import app
from tocsin.cli.say import complain
from tocsin.kernel.errors import Refused

DONE, FAILED, MISUSED = 0, 1, 2


def main() -> None:
    """Run one command; exits with 0 done, 1 refused or failed, 2 wrong usage."""
    sys.exit(run(sys.argv[1:]))


def run(words: list[str]) -> int:
    """The exit code of the command in `words`."""
    from cyclopts import CycloptsError

    try:
        result = app(words, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        complain(f"{error}\nSee `tocsin --help`.")
        return MISUSED
    except Refused as refused:
        complain(str(refused))
        return FAILED
    except BrokenPipeError:
        return FAILED
    except KeyboardInterrupt:
        return FAILED
    return result if isinstance(result, int) else DONE
