"""What a fresh instance needs before anybody can use it: a way in for its administrator and for the command line."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from django.contrib.auth.hashers import is_password_usable

from tocsin.catalog.actions import organisation
from tocsin.kernel.acting import ENGINE
from tocsin.people.actions import add_token, find_token, make_sign_in_link, revoke_token, save_user
from tocsin.people.models import User
from tocsin.people.rules import COMMAND_LINE, Role, Scope
from tocsin.people.saving import UserValue
from tocsin.site.config import Config

TOKEN_FILE = "token"
ADDRESS_FILE = "address"
LOCAL_TOKENS_MAX = 20  # one for each node that shares the database


def people() -> list[User]:
    """Everybody active who is a person, the longest-serving administrator first."""
    rows = User.objects.people().filter(is_active=True).order_by("created_at", "id")
    return sorted(rows, key=lambda user: user.role != Role.ADMIN)


def sign_in_link(config: Config, now: datetime, demo: bool) -> str | None:
    """The address that signs the administrator in once, while nobody can sign in otherwise or for the demo until it
    is left; None when somebody has a password. Makes the first administrator where there is none."""
    known = people()
    playing = demo and organisation().demo
    if not playing and any(user.password and is_password_usable(user.password) for user in known):
        return None
    if not known or known[0].role != Role.ADMIN:
        admin = save_user(
            "admin", UserValue("Administrator", "admin@localhost", role=Role.ADMIN), ENGINE, now
        )
    else:
        admin = known[0]
    return f"{config.url}/sign-in/link/{make_sign_in_link(admin, now)}"


def keep_local_token(folder: Path, now: datetime) -> str | None:
    """The token for the command line of this machine, kept in the data folder for its owner; made when the one
    there opens nothing. None when the administrator has switched its account off."""
    path = folder / TOKEN_FILE
    kept = path.read_text().strip() if path.exists() else ""
    if kept and find_token(kept, now):
        return kept
    user = User.objects.filter(pk=COMMAND_LINE).first() or save_user(
        COMMAND_LINE, UserValue("Command line", "command-line@localhost", role=Role.ADMIN), ENGINE, now
    )
    if not user.is_active:
        return None
    old = user.tokens.order_by("last_used_at", "created_at")
    for token in list(old)[: max(0, old.count() - LOCAL_TOKENS_MAX + 1)]:
        revoke_token(token.pk, ENGINE, now)
    _, plain = add_token(user, "Command line of this machine", Scope.ADMIN, None, ENGINE, now)
    write_private(path, plain)
    return plain


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
    fresh.replace(path)
