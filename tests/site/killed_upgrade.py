"""A program to be killed: it upgrades the database, and ends as kill -9 would have it end, before or after the nth
migration is recorded. `python -m tests.site.killed_upgrade 7 before`.
"""

from __future__ import annotations

import os
import sys


def main(left: int, when: str) -> None:
    from tocsin.site.run import set_up

    set_up()
    from django.db.migrations.recorder import MigrationRecorder

    from tocsin.site import schema

    record = MigrationRecorder.record_applied

    def recorded(self: MigrationRecorder, app: str, name: str) -> None:
        nonlocal left
        left -= 1
        if left == 0 and when == "before":
            os._exit(9)
        record(self, app, name)
        if left == 0:
            os._exit(9)

    MigrationRecorder.record_applied = recorded  # type: ignore[method-assign]
    schema.upgrade()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
