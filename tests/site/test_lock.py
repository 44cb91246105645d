"""The lock on the data folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tocsin.kernel.errors import Refused
from tocsin.site.lock import FolderLock, is_held


def test_one_holder_at_a_time_and_it_is_named(tmp_path: Path) -> None:
    with FolderLock(tmp_path):
        assert is_held(tmp_path)
        with pytest.raises(Refused, match=f"process {os.getpid()}"):
            FolderLock(tmp_path).take()
    assert not is_held(tmp_path)


def test_asking_does_not_take_it(tmp_path: Path) -> None:
    assert not is_held(tmp_path)
    with FolderLock(tmp_path):
        pass
    assert not is_held(tmp_path)
    with FolderLock(tmp_path):
        assert is_held(tmp_path)
