"""Reads a calendar in a process of its own, which the kernel ends when it takes too much time or memory.

As a program (`python -m tocsin.oncall.ical.apart`) it is that process: a line of JSON and the calendar come in, JSON
goes out. It imports neither Django nor anything that knows a secret.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from datetime import datetime

from tocsin.kernel.errors import Refused
from tocsin.kernel.spans import Span
from tocsin.kernel.zones import zone
from tocsin.oncall.ical.reading import Happening, as_data, check, from_data, happenings

CPU_SECONDS = 0.5  # for reading and expanding, after everything is loaded
WALL_SECONDS = 20.0  # for all of it, on a machine that has other things to do
MEMORY_BYTES = 512 * 1024 * 1024
ANSWER_BYTES_MAX = 32 * 1024 * 1024
TOO_MUCH = Refused(
    "The calendar takes too long to read",
    f"one whose events of the year are found within {CPU_SECONDS:g} s",
    "Take out rules that repeat without end or exclude all they make.",
)


def read_apart(body: bytes, span: Span, timezone: str) -> list[Happening]:
    """What happens in `span` by the calendar `body`, sorted. Raises Refused, also when reading it takes too much."""
    check(body)
    asked = json.dumps({"start": span.start.isoformat(), "end": span.end.isoformat(), "zone": timezone})
    command = [sys.executable, "-I", "-m", "tocsin.oncall.ical.apart"]
    try:
        done = subprocess.run(
            command,
            input=asked.encode() + b"\n" + body,
            capture_output=True,
            timeout=WALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TOO_MUCH from None
    if done.returncode != 0 or len(done.stdout) > ANSWER_BYTES_MAX:
        raise TOO_MUCH
    answer = json.loads(done.stdout)
    if "refused" in answer:
        raise Refused(**answer["refused"])
    return from_data(answer["found"])


def limit() -> None:
    """From here on this process is ended when it uses more than CPU_SECONDS and MEMORY_BYTES."""
    # Windows has neither; there the wall clock alone ends it.
    with suppress(ImportError):
        import resource
        import signal

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        # What SIGPROF does by default is to end the process: no code of ours has to run for that.
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)


def main() -> None:
    """Answer one question, which stands on standard input."""
    asked = json.loads(sys.stdin.buffer.readline())
    body = sys.stdin.buffer.read()
    here = zone(asked["zone"])
    span = Span(datetime.fromisoformat(asked["start"]), datetime.fromisoformat(asked["end"]))
    limit()
    try:
        answer: dict[str, object] = {"found": as_data(happenings(check(body), span, here))}
    except Refused as refused:
        answer = {"refused": {"what": refused.what, "expected": refused.expected, "mend": refused.mend}}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
