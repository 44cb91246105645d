"""What a person may be called, and where they live."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from tocsin.kernel.errors import Refused
from tocsin.people.rules import Language, Role

NAME_LENGTH_MAX = 120
EMAIL_LENGTH_MAX = 254


def check_name(name: object, where: str = "name") -> str:
    """Return a name for the screen, without spaces around it. Raises Refused."""
    text = name.strip() if isinstance(name, str) else ""
    if not text or len(text) > NAME_LENGTH_MAX or any(ord(c) < 32 for c in text):
        raise Refused(
            f"{name!r} cannot be a name", f"1 to {NAME_LENGTH_MAX} characters on one line", where=where
        )
    return text


def check_email(email: object, where: str = "email") -> str:
    """Return the address in small letters, as it is signed in with, without spaces around it. Raises Refused."""
    text = email.strip() if isinstance(email, str) else ""
    try:
        validate_email(text)
    except ValidationError:
        text = ""
    if not text or len(text) > EMAIL_LENGTH_MAX:
        raise Refused(f"{email!r} is not an e-mail address", "something like ada@example.com", where=where)
    return text.lower()


def check_timezone(name: object, where: str = "timezone") -> str:
    """Return the IANA name. Raises Refused."""
    try:
        return ZoneInfo(str(name)).key
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        raise Refused(
            f"{name!r} is not a time zone", "an IANA name such as Europe/Madrid or UTC", where=where
        ) from None


def check_language(language: object, where: str = "language") -> Language:
    """Return the language. Raises Refused for one that messages are not written in."""
    if language not in list(Language):
        raise Refused(f"{language!r} is not a language", f"one of {', '.join(Language)}", where=where)
    return Language(str(language))


def check_role(role: object, where: str = "role") -> Role:
    """Return the role. Raises Refused."""
    if role not in list(Role):
        raise Refused(f"{role!r} is not a role", f"one of {', '.join(Role)}", where=where)
    return Role(str(role))
