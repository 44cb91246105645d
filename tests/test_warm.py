"""Programs that tests start: what they say of their end, whenever it comes."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys

from tests.warm import Program


def test_a_program_that_ends_while_it_is_killed_tells_its_own_code() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()  # its id is nobody's now, and nothing has been told of its end yet
    ours, theirs = socket.socketpair()
    with theirs:
        program = Program(ended.pid, ours)
        program.send_signal(signal.SIGTERM)
        program.kill()
        theirs.sendall(b"3\n")
        assert program.wait(5) == 3
    program.kill()
    assert program.poll() == 3
