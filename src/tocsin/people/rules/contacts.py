"""What is known of a contact: whether it is really its person's, and whether what is sent there arrives. Pure.

The one notion of it: paging, coverage, gaps, checks and pages all read a contact through `Contact`.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

CODE_DIGITS = 6
CODE_LIFE = timedelta(minutes=15)
CODE_TRIES_MAX = 5  # wrong ones; then the code opens nothing
CODES_PER_HOUR_MAX = 3  # for one contact
CODES_PER_ADDRESS_MAX = 5  # a day, whoever asks: the address may be somebody else's
CODES_PER_PERSON_MAX = 20  # a day, for all that somebody tries to add

FAILURES_MAX = 3  # messages in a row that did not go, and the contact is failing
FAILING_AFTER = timedelta(
    minutes=10
)  # that they are apart at least: a provider's short trouble is none of a contact

# Shown by this very program to whoever may see it: nothing leaves that would need a proof.
OWN_SCHEMES = ("console",)


class Standing(StrEnum):
    """What a contact is worth, in the words that people read."""

    VERIFIED = "verified"  # its person has entered a code that was sent there
    VOUCHED = "vouched for"  # whoever runs the organisation has written it down: it is paged, though nobody proved it
    UNVERIFIED = "unverified"  # its person says so, and has not proved it: it gets no pages
    FAILING = "failing"  # what was sent there lately did not go: tried last, counted as none


@dataclass(frozen=True)
class Contact:
    """One way to reach somebody, with all that is known of it. `worked_at`: when a message first went there."""

    address: str
    verified_at: datetime | None = None
    vouched_by: str = ""  # as the journal names them; "" for nobody
    worked_at: datetime | None = None
    failing_since: datetime | None = None
    failing_why: str = ""

    @property
    def standing(self) -> Standing:
        """Whether it may be paged, and who vouches for it."""
        if not (self.verified_at or self.vouched_by or not needs_proof(self.address)):
            return Standing.UNVERIFIED
        if self.failing_since is not None:
            return Standing.FAILING
        return Standing.VOUCHED if needs_proof(self.address) and not self.verified_at else Standing.VERIFIED

    @property
    def is_paged(self) -> bool:
        """Whether pages go there at all."""
        return self.standing is not Standing.UNVERIFIED

    @property
    def is_sound(self) -> bool:
        """Whether it counts as a way to reach its person."""
        return self.standing in (Standing.VERIFIED, Standing.VOUCHED)

    @property
    def is_untried(self) -> bool:
        """Whether nothing has shown yet that what is sent there arrives."""
        return self.standing is Standing.VOUCHED and self.worked_at is None


def needs_proof(address: str) -> bool:
    """Whether a message to `address` leaves this program, so that it may be somebody else's."""
    return address.partition(":")[0] not in OWN_SCHEMES


# -- failing ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Try:
    """What became of one message. `why` is "" when it went; `for_good`: another try cannot help."""

    at: datetime
    why: str = ""
    for_good: bool = False


@dataclass(frozen=True)
class Failing:
    """Since when an address fails, and why, in the provider's words."""

    since: datetime
    why: str


def failing(tries: Sequence[Try]) -> Failing | None:
    """Whether a contact fails, by what became of the last messages to it, the latest first; None when it does not.

    It does after FAILURES_MAX in a row that did not go and were FAILING_AFTER apart, first and last, and at once when
    the last was refused for good: nobody lives there. One that goes ends it. Of a long row some between the first and
    the latest ones may be left out.
    """
    row: list[Try] = []
    for each in tries:
        if not each.why:
            break
        row.append(each)
    if not row:
        return None
    latest, first = row[0], row[-1]
    if latest.for_good or (len(row) >= FAILURES_MAX and latest.at - first.at >= FAILING_AFTER):
        return Failing(first.at, latest.why)
    return None


# -- the code --------------------------------------------------------------------------------------------------------


def code_of(nonce: str, address: str, key: bytes) -> str:
    """The digits that prove `address`: made of a random `nonce` under the instance's key, so that they are stored
    nowhere, and a copy of the tables does not hold them."""
    made = hmac.new(key, f"{nonce}\0{address}".encode(), sha256).digest()
    return f"{int.from_bytes(made[:8]) % 10**CODE_DIGITS:0{CODE_DIGITS}}"


def in_groups(code: str) -> str:
    """The code as it is read aloud: "123 456"."""
    half = len(code) // 2
    return f"{code[:half]} {code[half:]}"


def digits_of(typed: str) -> str:
    """What somebody typed, without the spaces and dashes between the digits."""
    return "".join(each for each in typed if each not in " -\u00a0\u202f")


def is_code(typed: str, code: str) -> bool:
    """Whether what was typed is the code; it takes as long whichever digit is wrong."""
    return hmac.compare_digest(digits_of(typed).encode(), code.encode())


@dataclass(frozen=True)
class Asked:
    """How many codes were asked for lately."""

    for_contact: int  # in the last hour
    for_address: int  # in the last day, by anybody
    by_person: int  # in the last day, for all contacts


def too_many(asked: Asked) -> str:
    """Why no further code may be sent now, in words; "" when one may."""
    if asked.for_contact >= CODES_PER_HOUR_MAX:
        return f"{CODES_PER_HOUR_MAX} codes were sent to this contact within the hour"
    if asked.for_address >= CODES_PER_ADDRESS_MAX:
        return f"{CODES_PER_ADDRESS_MAX} codes were sent to this address within a day"
    if asked.by_person >= CODES_PER_PERSON_MAX:
        return f"{CODES_PER_PERSON_MAX} codes were sent for your contacts within a day"
    return ""
