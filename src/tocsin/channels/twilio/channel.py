"""One account: SMS and calls out, answers and receipts back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import urlencode

from tocsin.channels.twilio import hearing, markup
from tocsin.channels.twilio.api import Api
from tocsin.channels.twilio.numbers import check
from tocsin.channels.twilio.texts import keys_words, sms_of, spoken
from tocsin.kernel.errors import Refused
from tocsin.notification.hearing import Callback, Hearing
from tocsin.notification.rules import Blame, Failed, Limits, Message, Sent
from tocsin.notification.rules.throttling import CALL_RATES, CALL_STORM, STORM, TEXT_RATES

RING_SECONDS = 30  # before most voice mails take the call
SMS_VALID = 600  # seconds; a page that could not be brought in this time is no use any more

# What one person can bear and networks do not hold to be unwanted; the same figures as GoAlert's.
SMS_LIMITS = Limits(
    text_max=306,
    rates=TEXT_RATES,
    storm=STORM,
    receipt_within=timedelta(seconds=90),
)
CALL_LIMITS = Limits(
    text_max=400,
    rates=CALL_RATES,
    storm=CALL_STORM,
    loud=True,
    receipt_within=timedelta(seconds=90),
)


class TwilioChannel:
    """Both ways to a telephone. `voice` is "" for an account that cannot call; `detects` says whether who is called is
    told from a machine."""

    name = "SMS"
    schemes: Sequence[str] = ("sms", "tel")
    limits = SMS_LIMITS

    def __init__(
        self, api: Api, token: str, callback_url: str, sms_from: str, voice: str, detects: bool
    ) -> None:
        self._api = api
        self._token = token
        self._callback_url = callback_url
        self._sms_from = sms_from
        self._voice = voice
        self._detects = detects

    def part(self, scheme: str) -> TwilioChannel:
        """SMS or calls alone, with their own limits."""
        return (
            _Calls(self._api, self._token, self._callback_url, self._sms_from, self._voice, self._detects)
            if (scheme == "tel")
            else self
        )

    def check(self, address: str) -> str:
        """The address in its plain form. Raises Refused."""
        return check(address)

    def send(self, address: str, to_name: str, message: Message, now: datetime) -> Sent | Failed:
        """Hand the message over; it has arrived when the receipt says so."""
        try:
            scheme, _, to = check(address).partition(":")
        except Refused as refused:  # stored before a rule became stricter
            return Failed(str(refused), again=False, blame=Blame.ADDRESS)
        made = self._call(to, message, now) if scheme == "tel" else self._text(to, message, now)
        return made if isinstance(made, Failed) else Sent(reference=made)

    def _text(self, to: str, message: Message, now: datetime) -> str | Failed:
        sender = "MessagingServiceSid" if self._sms_from.startswith("MG") else "From"
        values = {
            "To": to,
            sender: self._sms_from,
            "Body": sms_of(message),
            "ValidityPeriod": str(SMS_VALID),
            "StatusCallback": self._url("sms-status", message),
        }
        return self._api.make("Messages", values, now)

    def _call(self, to: str, message: Message, now: datetime) -> str | Failed:
        if not self._voice:
            return Failed("the account has no number to call from", again=False, blame=Blame.PROVIDER)
        values = {
            "To": to,
            "From": self._voice,
            "Twiml": self._said(message),
            "Timeout": str(RING_SECONDS),
            "StatusCallback": self._url("call-status", message, self._detects),
            "StatusCallbackEvent": "completed",
        }
        if self._detects:  # beside the call: who takes it hears us at once
            told = self._url("answered-by", message, True)
            values |= {"MachineDetection": "Enable", "AsyncAmd": "true", "AsyncAmdStatusCallback": told}
        return self._api.make("Calls", values, now)

    def _said(self, message: Message) -> str:
        language, keys = message.language, keys_words(message)
        if not keys:
            return markup.said([spoken(message)] * 2, language)
        action = self._url("keys", message)
        return hearing.said_with_keys(message, keys, action)

    def _url(self, what: str, message: Message, detects: bool = False) -> str:
        """Where Twilio tells what became of `message`. The signature covers all of it."""
        about = {"d": message.id, "l": message.language} | ({"m": "1"} if detects else {})
        return f"{self._callback_url}/{what}?{urlencode(about)}"

    def hear(self, callback: Callback, now: datetime) -> Hearing:
        """What Twilio's request says. Raises Refused for one that is not Twilio's, or of another account."""
        form = hearing.verify(self._token, self._api.account, callback)
        return hearing.hear(callback, form)


class _Calls(TwilioChannel):
    name = "call"
    schemes: Sequence[str] = ("tel",)
    limits = CALL_LIMITS
