"""What Twilio's requests to us say: proved to be Twilio's, then turned into values."""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha1
from urllib.parse import parse_qs, urlencode, urlsplit

from django.utils.translation import gettext, override

from tocsin.channels.chatting import delivery_of
from tocsin.channels.twilio import markup
from tocsin.channels.twilio.api import why_lost
from tocsin.channels.twilio.numbers import number
from tocsin.channels.twilio.texts import (
    AGAIN,
    KEYS,
    goodbye,
    hear_again,
    keys_words,
    menu,
    read_out,
    spoken,
)
from tocsin.channels.wording import clean
from tocsin.kernel.errors import Refused
from tocsin.notification.hearing import (
    AskedAgain,
    Callback,
    Hearing,
    Pressed,
    Receipt,
    Reply,
    Told,
    Tone,
    Written,
)
from tocsin.notification.rules import Message
from tocsin.people.speaking import house_language, language_of

FIELDS_MAX = 100
TEXT_MAX = 1_600  # characters of an SMS, of however many parts
ANSWER_MAX = 300  # characters; two parts
KEY_SECONDS = 6  # for pressing a key
WRONG_KEYS_MAX = 6  # in one call, and wishes to hear it again; then it ends

_MISSED = {
    "busy": "the line was busy",
    "no-answer": "nobody answered the telephone",
    "failed": "the call could not be made",
    "canceled": "the call was called off",
}
_MACHINES = ("machine", "fax")  # machine_start, machine_end_beep …
_NOTHING = Hearing()


def verify(token: str, account: str, callback: Callback) -> Mapping[str, str]:
    """The form of `callback`, when Twilio signed it for this account. Raises Refused (403, 400) else.

    The signature covers our address with its query and every field of the form
    (https://www.twilio.com/docs/usage/security). It has no time in it: what is heard twice has to do nothing twice.
    """
    try:
        form = parse_qs(
            callback.body.decode(), keep_blank_values=True, strict_parsing=False, max_num_fields=FIELDS_MAX
        )
    except ValueError as error:
        raise Refused("The request cannot be read", "a form", status=400) from error
    fields = "".join(name + value for name in sorted(form) for value in sorted(set(form[name])))
    given = callback.headers.get("x-twilio-signature", "").encode("utf-8", "replace")
    if not any(hmac.compare_digest(_signature(token, url + fields), given) for url in _spelled(callback.url)):
        raise Refused("The request is not signed by this account", status=403)
    values = {name: found[0] for name, found in form.items()}
    if values.get("AccountSid", account) != account:
        raise Refused("The request is another account's", status=403)
    return values


def _signature(token: str, signed: str) -> bytes:
    return b64encode(hmac.new(token.encode(), signed.encode(), sha1).digest())


def _spelled(url: str) -> tuple[str, str]:
    """Our address without and with its usual port: both have been seen under signatures."""
    parts = urlsplit(url)
    usual = {"http": 80, "https": 443}[parts.scheme]
    if parts.port not in (None, usual):
        return url, url
    host = parts.netloc.removesuffix(f":{usual}")
    return tuple(parts._replace(netloc=netloc).geturl() for netloc in (host, f"{host}:{usual}"))  # type: ignore[return-value]


def hear(callback: Callback, form: Mapping[str, str]) -> Hearing:
    """What a request that was proved to be Twilio's says. Raises Refused (404) for one that nobody asked for."""
    query = {name: found[0] for name, found in parse_qs(urlsplit(callback.url).query).items()}
    delivery, language = delivery_of(query.get("d", "")), language_of(query.get("l"))
    if callback.what == "sms-status":
        return _sms_status(form, delivery)
    if callback.what == "call-status":
        return _call_status(form, delivery, said_apart=bool(query.get("m")))
    if callback.what == "answered-by":
        return _answered_by(form, delivery)
    if callback.what == "keys":
        return _key(form, delivery, language, _asked_again(callback.url, query))
    calls = "CallSid" in form
    if callback.what == "sms" or (not callback.what and not calls):
        return _written(form)
    if callback.what == "call" or not callback.what:
        return Hearing(answer=lambda told: _as_xml(markup.said([_nobody_here()], house_language())))
    raise Refused("Nothing is heard here", "one of sms, call", status=404)


def _nobody_here() -> str:
    with override(house_language()):
        return gettext(
            "This is Tocsin, which wakes people when something is wrong. It calls, and cannot be called. Goodbye."
        )


def _sms_status(form: Mapping[str, str], delivery: str) -> Hearing:
    status, reference = form.get("MessageStatus", ""), form.get("MessageSid", "")[:60]
    if status in ("delivered", "read"):
        return Hearing((Receipt(True, delivery, reference),))
    if status in ("undelivered", "failed", "canceled"):
        return Hearing((Receipt(False, delivery, reference, why_lost(form.get("ErrorCode", ""), status)),))
    return _NOTHING


def _call_status(form: Mapping[str, str], delivery: str, said_apart: bool) -> Hearing:
    """The end of a call. Where who took it is `said_apart`, that somebody did is no receipt: it may have been a
    voicemail."""
    status, reference = form.get("CallStatus", ""), form.get("CallSid", "")[:60]
    if status == "completed" and (form.get("AnsweredBy") or not said_apart):
        return _answered_by(form, delivery)
    if status in _MISSED:
        return Hearing((Receipt(False, delivery, reference, _MISSED[status]),))
    return _NOTHING


def _answered_by(form: Mapping[str, str], delivery: str) -> Hearing:
    """Who took the call; what is not known to be a machine is held to be a person."""
    reference = form.get("CallSid", "")[:60]
    if form.get("AnsweredBy", "").startswith(_MACHINES):
        return Hearing((Receipt(False, delivery, reference, "a voicemail or another machine took the call"),))
    return Hearing((Receipt(True, delivery, reference),))


def _key(form: Mapping[str, str], delivery: str, language: str, again: str) -> Hearing:
    """A key pressed during a call of ours: whose telephone it is, we called. One that does nothing is asked for anew,
    as long as `again` says where the next goes."""
    pressed, called = form.get("Digits", ""), number(form.get("To"))
    if pressed == AGAIN and delivery and called and again:
        wish = AskedAgain(f"tel:{called}", delivery)
        return Hearing((wish,), answer=lambda told: _as_xml(_said_again(told, language, again)))
    verb = KEYS.get(pressed)
    if not delivery or not called or (verb is None and not again):
        return Hearing(answer=lambda told: _as_xml(markup.said([_no_such_key(language)], language)))
    if verb is None:
        asked = markup.asked("", menu(language), goodbye(language), again, KEY_SECONDS, language)
        return Hearing(answer=lambda told: _as_xml(asked))
    press = Pressed(f"tel:{called}", delivery, verb, id=f"{form.get('CallSid', '')[:60]}/{verb}")
    return Hearing((press,), answer=lambda told: _as_xml(markup.said([read_out(_words(told))], language)))


def said_with_keys(message: Message, keys: str, action: str) -> str:
    """A call that says `message` and waits for one of `keys`, which goes to `action`."""
    language = message.language
    again = hear_again(language)
    return markup.asked(spoken(message), keys, goodbye(language), action, KEY_SECONDS, language, again)


def _said_again(told: Sequence[Told], language: str, action: str) -> str:
    """The message that is to be said once more, with its keys; or in words why it is not."""
    message = next((one.message for one in told if one.message is not None), None)
    if message is None:
        return markup.said([read_out(_words(told))], language)
    keys = keys_words(message)
    return said_with_keys(message, keys, action) if keys else markup.said([spoken(message)], language)


def _no_such_key(language: str) -> str:
    with override(language):
        return gettext("That key does nothing. Nothing was done. Goodbye.")


def _asked_again(url: str, query: Mapping[str, str]) -> str:
    """Where the next key of a call goes after a wrong one; "" when there were enough."""
    before = query.get("n", "0")
    wrong = int(before) if before.isascii() and before.isdigit() and len(before) < 3 else WRONG_KEYS_MAX
    if wrong + 1 >= WRONG_KEYS_MAX:
        return ""
    return urlsplit(url)._replace(query=urlencode({**query, "n": wrong + 1})).geturl()


def _written(form: Mapping[str, str]) -> Hearing:
    """An SMS to our number. What the network answers by itself (STOP, START, HELP) is not answered twice."""
    sender, text = number(form.get("From")), clean(form.get("Body", ""), TEXT_MAX, lines=True)
    if not sender or not text or form.get("OptOutType"):
        return Hearing(answer=lambda told: _as_xml(markup.texted("")))
    words = Written(f"sms:{sender}", text, id=form.get("MessageSid", "")[:60])
    return Hearing((words,), answer=lambda told: _as_xml(markup.texted(_words(told))))


def _words(told: Sequence[Told]) -> str:
    return clean(" ".join(one.text for one in told if one.text and one.tone is not Tone.SILENT), ANSWER_MAX)


def _as_xml(text: str) -> Reply:
    return Reply(content_type="text/xml; charset=utf-8", body=text.encode("utf-8", "replace"))
