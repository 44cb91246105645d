"""SMS and calls through Twilio, or whoever speaks as it does."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tocsin.channels.calling import Patience
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.reach import read_target
from tocsin.channels.twilio.api import Api
from tocsin.channels.twilio.channel import TwilioChannel
from tocsin.channels.twilio.numbers import check, number
from tocsin.kernel.errors import Refused
from tocsin.notification.vendors import Account, Field

API_URL = "https://api.twilio.com"

_ACCOUNT = re.compile(r"[A-Za-z0-9-]{10,64}\Z")
_KEY = re.compile(r"SK[A-Za-z0-9]{10,62}\Z")
_SERVICE = re.compile(r"MG[A-Za-z0-9]{10,62}\Z")
_SECRET = re.compile(r"[!-~]{8,200}\Z")
_SENDER = re.compile(
    r"(?=.*[A-Za-z])[A-Za-z0-9 ]{2,11}\Z"
)  # a name instead of a number, where networks allow it


class Twilio:
    """Accounts with Twilio; a second one stands in when the first fails."""

    kind = "twilio"
    title = "Twilio: SMS and calls"
    schemes: Sequence[str] = ("sms", "tel")
    hears = True
    fields: Sequence[Field] = (
        Field("account_sid", "Account SID", "Begins with AC; on the first page of the console."),
        Field(
            "auth_token",
            "Auth token",
            "Beside the account SID. It also proves that answers and receipts come from Twilio.",
            secret=True,
        ),
        Field(
            "from_number",
            "Number",
            "One of the account's own, as +14155550100; for SMS alone it may be a name of up to 11 letters.",
        ),
        Field(
            "voice_number",
            "Number for calls",
            "Left out: the same as for SMS.",
            required=False,
        ),
        Field(
            "messaging_service_sid",
            "Messaging service SID",
            "Begins with MG; left out: SMS come from the number.",
            required=False,
        ),
        Field(
            "machine_detection",
            "Notice answering machines",
            "yes or no. With yes a call that a voicemail takes counts as not arrived, and the next contact is tried; "
            "Twilio asks a little for it with each call. With no whatever takes the call counts.",
            required=False,
            default="yes",
        ),
        Field("api_key_sid", "API key SID", "Begins with SK; with its secret it signs in.", required=False),
        Field("api_key_secret", "API key secret", "Shown once, when the key is made.", True, False),
        Field(
            "api_url",
            "API address",
            "Another one for a region of Twilio's, or for a provider that speaks as Twilio does.",
            required=False,
            default=API_URL,
        ),
    )

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing
        self._patience = Patience()  # of the vendor: an account that is opened anew still remembers

    def check(self, address: str) -> str:
        """`sms:+4915112345678` or `tel:+4915112345678` in its plain form. Raises Refused."""
        return check(address)

    def open(self, account: Account) -> TwilioChannel:
        """The channel of this account. Raises Refused for settings that cannot be right."""
        given = {name: value.strip() for name, value in account.settings.items()}
        sid = _matching(given, "account_sid", _ACCOUNT, "text that begins with AC")
        token = _matching(given, "auth_token", _SECRET, "32 letters and digits")
        key = _matching(given, "api_key_sid", _KEY, "text that begins with SK", optional=True)
        secret = _matching(given, "api_key_secret", _SECRET, "the secret of the API key", optional=True)
        if bool(key) != bool(secret):
            missing = "api_key_secret" if key else "api_key_sid"
            raise Refused("An API key is a SID and a secret", "both, or neither", "Fill in both.", missing)
        service = _matching(given, "messaging_service_sid", _SERVICE, "text that begins with MG", True)
        sender = given.get("from_number", "")
        sms_from = number(sender) or (sender if _SENDER.match(sender) else "")
        if not sms_from:
            raise _unfit("from_number", "a number as +14155550100, or a name of up to 11 letters")
        voice = given.get("voice_number", "")
        if voice and not number(voice):
            raise _unfit("voice_number", "a number as +14155550100")
        base = (given.get("api_url") or API_URL).rstrip("/")
        try:
            read_target(base)
        except Refused as refused:
            raise Refused(refused.what, refused.expected, refused.mend, "api_url") from refused
        api = Api(base, sid, key or sid, secret or token, self._outgoing, self._patience)
        ear = (given.get("machine_detection") or "yes").lower()
        if ear not in ("yes", "no"):
            raise Refused("That is no answer", "yes or no", where="machine_detection")
        from_voice = number(voice) or number(sender)
        return TwilioChannel(api, token, account.callback_url, service or sms_from, from_voice, ear == "yes")


def _matching(
    given: dict[str, str], name: str, form: re.Pattern[str], expected: str, optional: bool = False
) -> str:
    value = given.get(name, "")
    if (value or not optional) and not form.match(value):
        raise _unfit(name, expected)
    return value


def _unfit(name: str, expected: str) -> Refused:
    return Refused("This cannot be one of Twilio's", expected, "Copy it again from the console.", where=name)
