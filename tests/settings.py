"""Tocsin's settings, and what only tests want: a folder of their own, cheap passwords, a file to store in."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

from tests import memory

memory.use()
# Programs are started hundreds of times here, so they are compiled once, also where the environment says not to.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# How long a mail server of the tests may take to begin, on a machine that does much else: no measure of speed.
os.environ.setdefault("AIOSMTPD_CONTROLLER_TIMEOUT", "60")
# Each process of the suite has its own data folder; the settings read it the moment they are imported.
_FOLDER = Path(tempfile.mkdtemp(prefix="tocsin-tests-"))
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)
os.environ["TOCSIN_DATA"] = str(_FOLDER)
os.environ.setdefault("TOCSIN_SECRET_KEY", "a key that only tests use, and that opens nothing anywhere else")
for _name in ("TOCSIN_CONFIG", "TOCSIN_URL", "TOCSIN_SMTP_URL", "TOCSIN_ALLOWED_NETWORKS", "TOCSIN_TOKEN"):
    os.environ.pop(_name, None)

from tests.patience import PATIENCE  # noqa: E402
from tocsin.journal.postgres.base import Connection  # noqa: E402
from tocsin.site.settings import *  # noqa: E402, F403
from tocsin.site.settings import CONFIG, DATABASES  # noqa: E402

# Argon2 is meant to be slow, and whether it is used is tested by name; everything else signs in at once.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# A database is waited for, however busy the machine is; when it is given up is tested with real programs.
if CONFIG.database_url:
    DATABASES["default"]["OPTIONS"]["options"] += f" -c statement_timeout={PATIENCE:.0f}s"
    Connection.patience = 2 * PATIENCE
# Threads must see one another's commits, so SQLite is a real file here as everywhere.
if not CONFIG.database_url:
    DATABASES["default"]["TEST"] = {"NAME": str(_FOLDER / "test.db")}
