"""Temporary files of the suite lie in memory where there is room: what the tests ask of a disk is order, not speed.

A kill -9 takes nothing from either; what only a power cut could take is not what these tests are about.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM = 2 * 1024**3


def use() -> None:
    """Make temporary files in memory from here on, in this process and in those it starts; a disk is as good."""
    if "TMPDIR" not in os.environ and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)
