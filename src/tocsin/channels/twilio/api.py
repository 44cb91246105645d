"""Calls to the API: what is asked, and what its answers mean."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlencode

from tocsin.channels.calling import Errand, Patience, Said, busy, out_of_order
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.wording import clean
from tocsin.notification.rules import Blame, Failed

# https://www.twilio.com/docs/api/errors
_ADDRESS = {
    21211: "that is not a telephone number",
    21217: "that is not a telephone number",
    13224: "that is not a telephone number",
    21214: "that number cannot be called",
    21610: "whoever has that number asked for no more messages (STOP); they answer START to get them again",
    21612: "no SMS can be sent from our number to that one",
    21614: "that number cannot get SMS",
}
_ACCOUNT = {
    20003: "the account SID and its token do not fit",
    20005: "the account is not active",
    21212: "the number it is to come from is not one",
    21210: "the number it is to come from is not the account's",
    21408: "the account may not send to that country",
    21215: "the account may not call that country",
    13227: "the account may not call that country",
    21606: "the number it is to come from cannot send SMS",
    21608: "a trial account sends to numbers that were verified there, and to no others",
    21219: "a trial account calls numbers that were verified there, and no others",
    21703: "the messaging service has no number to send from",
}
_TOO_MANY = (14107, 20429, 21611)
# What became of a message that was taken: https://www.twilio.com/docs/api/errors, 30xxx.
_LATER = {
    30001: "the provider's queue was full",
    30002: "the account is suspended",
    30003: "the telephone is switched off, or out of reach",
    30004: "the network blocks messages to it",
    30005: "there is no such number",
    30006: "it is a landline, or its network is not reached",
    30007: "the network held it to be unwanted",
    30008: "the network does not say why",
    30010: "it would have cost more than the account allows",
}


class Api:
    """One account's. Safe to share between threads."""

    def __init__(
        self, base: str, account: str, user: str, secret: str, outgoing: Outgoing, patience: Patience
    ) -> None:
        self.account = account
        self._base = f"{base}/2010-04-01/Accounts/{account}"
        self._signed_in = f"Basic {b64encode(f'{user}:{secret}'.encode()).decode()}"
        self._outgoing = outgoing
        self._patience = patience

    def make(self, what: str, values: Mapping[str, str], now: datetime) -> str | Failed:
        """The SID of the new `what` ("Messages", "Calls"), or why there is none."""
        if (objection := self._patience.objection(self.account, now)) is not None:
            return objection
        headers = {
            "Authorization": self._signed_in,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        body = urlencode(values, errors="replace").encode()
        said = Errand(self._outgoing).call_with("POST", f"{self._base}/{what}.json", body, headers)
        outcome = said if isinstance(said, Failed) else _judged(said, now)
        self._patience.heed(self.account, outcome, now)
        return outcome


def _judged(said: Said, now: datetime) -> str | Failed:
    sid = said.at("sid")
    if said.status in (200, 201) and sid:
        return clean(sid, 60)
    code = said.data.get("code")
    if said.status == 429 or code in _TOO_MANY:
        return busy(said, now)
    if code in _ADDRESS:
        return Failed(f"{_ADDRESS[code]} ({code})", again=False, blame=Blame.ADDRESS)
    if code in _ACCOUNT:
        return Failed(f"{_ACCOUNT[code]} ({code})", again=False, blame=Blame.PROVIDER)
    if said.status == 401:
        return Failed(_ACCOUNT[20003], again=False, blame=Blame.PROVIDER)
    if said.status < 400 or said.status >= 500 or not said.data:
        return out_of_order(said)
    words = clean(said.at("message"), 200) or "it does not say why"
    number = f" ({code})" if isinstance(code, int) else ""
    return Failed(f"it was refused: {words}{number}", again=False, blame=Blame.PROVIDER)


def why_lost(code: str, status: str) -> str:
    """Why a message that was taken did not arrive, in a sentence."""
    known = _LATER.get(int(code)) if code.isascii() and code.isdigit() and len(code) < 7 else None
    return (
        f"{known} ({code})"
        if known
        else f"the provider says {clean(status, 40)}" + (f" ({clean(code, 10)})" if code else "")
    )
