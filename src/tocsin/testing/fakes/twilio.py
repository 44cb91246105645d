"""A Twilio of one account: takes SMS and calls, and signs what it tells us as the real one does."""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping
from hashlib import sha1
from urllib.parse import urlencode, urlsplit

from tocsin.notification.hearing import Callback
from tocsin.testing.fakes import Answer, Fake, Request

ACCOUNT = "AC00000000000000000000000000000fake"
TOKEN = "0123456789abcdef0123456789abcdef"
NUMBER = "+14155550100"
SETTINGS = {"account_sid": ACCOUNT, "auth_token": TOKEN, "from_number": NUMBER}
_BODY_MAX = 1_600
_TWIML_MAX = 4_000


class FakeTwilio(Fake):
    """Its API is at `url`; `errors` are codes to answer with next, as the real one's."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[int] = []

    def busy(self) -> Answer:
        """Its refusal of who asks too often."""
        return _refusal(20429, "Too Many Requests", 429)

    def respond(self, request: Request) -> Answer:
        """Take a text or a call as the REST API does, or refuse it with Twilio's own codes."""
        signed_in = request.headers.get("authorization", "").removeprefix("Basic ")
        if b64decode(signed_in or b"").decode() != f"{ACCOUNT}:{TOKEN}":
            return _refusal(20003, "Authenticate", 401)
        if self.errors:
            return _refusal(self.errors.pop(0), "an error that was asked for")
        path = urlsplit(request.path).path
        kinds = {"Messages.json": ("SM", "Body", _BODY_MAX), "Calls.json": ("CA", "Twiml", _TWIML_MAX)}
        folder, _, kind = path.rpartition("/")
        if folder != f"/2010-04-01/Accounts/{ACCOUNT}" or kind not in kinds:
            return _refusal(20404, "The requested resource was not found", 404)
        letters, text, most = kinds[kind]
        if not str(request.data.get("To", "")).startswith("+"):
            return _refusal(21211, "The 'To' number is not a valid phone number.")
        if not 0 < len(str(request.data.get(text, ""))) <= most:
            return _refusal(21602, "A text of the right length is required")
        sid = f"{letters}{self._next():032x}"
        self.messages[sid] = dict(request.data)
        return Answer({"sid": sid, "status": "queued", "to": request.data["To"]}, 201)

    def says(self, url: str, form: Mapping[str, str], token: str = TOKEN) -> Callback:
        """The request that Twilio would make to our address `url`, signed."""
        values = {"AccountSid": ACCOUNT, **form}
        signed = url + "".join(name + values[name] for name in sorted(values))
        signature = b64encode(hmac.new(token.encode(), signed.encode(), sha1).digest()).decode()
        headers = {
            "x-twilio-signature": signature,
            "content-type": "application/x-www-form-urlencoded; charset=UTF-8",
        }
        what = urlsplit(url).path.split("/channels/")[-1].partition("/")[2]
        return Callback("POST", url, what, headers, urlencode(values).encode())


def _refusal(code: int, message: str, status: int = 400) -> Answer:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return Answer({"code": code, "message": message, "more_info": more, "status": status}, status)
