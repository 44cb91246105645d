"""A schedule in the small world, and people at their browsers."""

from __future__ import annotations

from tests.oncall.conftest import primary as primary  # noqa: PLC0414 - offered here too
from tests.web_config.conftest import reader as reader  # noqa: PLC0414 - offered here too
