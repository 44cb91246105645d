"""How a telephone number is written down. Pure."""

from __future__ import annotations

import re

from tocsin.kernel.errors import Refused

_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}\Z")  # E.164: a country's code, and at most fifteen digits in all
_FILLERS = re.compile(r"[\s().\-/\u2010-\u2015]")


def number(text: object) -> str:
    """`text` as an international number without anything between its digits; "" when it is none."""
    if not isinstance(text, str) or len(text) > 40:
        return ""
    digits = _FILLERS.sub("", text)
    if digits.startswith("00"):
        digits = f"+{digits[2:]}"
    return digits if _NUMBER.match(digits) else ""


def check(address: str) -> str:
    """`sms:+…` or `tel:+…` in its plain form. Raises Refused."""
    scheme, _, rest = address.partition(":")
    plain = number(rest)
    if not plain:
        raise Refused(
            f"{address[:80]!r} is not a telephone number",
            f"{scheme.strip().lower()}: and a number with its country's code, such as +4915112345678",
            "Begin with + and the country's code, and leave out the 0 that follows it at home.",
            "address",
        )
    return f"{scheme.strip().lower()}:{plain}"


def masked(plain: str) -> str:
    """The number for a log: its last three digits."""
    return f"…{plain[-3:]}"
