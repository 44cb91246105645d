"""Reasons that are stored in English, why somebody is paged and why a message did not go, in the language of whoever
reads them.

Most are made where no reader is known: by a provider's answer, by the step of a climb. What is stored is what logs and
the API say. What is not listed here, such as a mail server's own words, is told as it stands.
"""

from __future__ import annotations

from django.utils.translation import gettext_noop

from tocsin.kernel.phrases import Phrase, joined, read_back
from tocsin.people.speaking import told

# Of two that fit, the first is meant: the more special ones stand first.
_PAGED = (
    gettext_noop("level %(number)s of policy %(policy)s, round %(round)s"),
    gettext_noop("level %(number)s of policy %(policy)s"),
    gettext_noop("fallback contact: %(why)s"),
    gettext_noop("the policy reaches nobody"),
    gettext_noop("nobody answered on any level"),
    gettext_noop("assigned by %(who)s"),
    gettext_noop("shadow of %(reason)s"),
)
_FAILED = (
    gettext_noop("The calendar cannot be fetched: %(why)s"),
    gettext_noop("it was refused: %(words)s"),
    gettext_noop("it does not say why"),
    gettext_noop("it did not go"),
    gettext_noop("no receipt in time"),
    gettext_noop("the provider says that it did not arrive"),
    gettext_noop("no answer within %(seconds)s s"),
    gettext_noop("it asked not to be called before %(time)s UTC"),
    gettext_noop("it is asked too often for now"),
    gettext_noop("it has a fault of its own"),
    gettext_noop("HTTP %(status)s: it points elsewhere, and redirects are not followed"),
    gettext_noop("HTTP %(status)s, and nothing that can be read"),
    gettext_noop("the answer is longer than %(count)s bytes"),
    gettext_noop("%(host)s may not be called: %(why)s"),
    gettext_noop("it is where a cloud keeps its credentials"),
    gettext_noop("it is not a public address, and TOCSIN_ALLOWED_NETWORKS does not name its network"),
    gettext_noop("the name %(host)s has no address"),
    gettext_noop("the name %(host)s was not resolved within %(seconds)s s"),
    gettext_noop("the name %(host)s cannot be resolved"),
    gettext_noop("too many names are being looked up already"),
    gettext_noop("its certificate is not trusted: %(why)s"),
    gettext_noop("TLS failed: %(why)s"),
    gettext_noop("the connection was refused"),
    gettext_noop("the connection was cut"),
    gettext_noop("the connection failed"),
    gettext_noop("the answer is not HTTP, or the connection ended without one"),
    gettext_noop("the request cannot be written as HTTP"),
    gettext_noop("files are not called"),
    gettext_noop("the channel failed: %(what)s"),
    gettext_noop(
        "no provider is set up for %(what)s: an administrator adds one under Settings, Ways to reach people"
    ),
)
_BY_CALENDAR = (
    gettext_noop(
        "The calendar is empty: no event in it is still to come. Expected events of the coming year."
    ),
    gettext_noop(
        "The calendar is empty: no whole day in it is still to come. Expected events of the coming year."
    ),
    gettext_noop(
        "It is a web page and no calendar. Expected an iCalendar file, which begins with BEGIN:VCALENDAR. Take the"
        " secret address in iCal format; a page that asks to sign in is none."
    ),
    gettext_noop("It is no calendar. Expected an iCalendar file, which begins with BEGIN:VCALENDAR."),
    gettext_noop("The address answers %(status)s: it leads elsewhere. Write the address it leads to."),
    gettext_noop("The address answers %(status)s: it asks to sign in. Take the calendar's secret address."),
    gettext_noop("The address answers %(status)s and no calendar"),
    gettext_noop("The calendar cannot be read: %(why)s. Expected an iCalendar file."),
    gettext_noop(
        "An event cannot be read: %(what)s. Expected times as RFC 5545 writes them, in a zone that the calendar or IANA"
        " names."
    ),
    gettext_noop(
        "The calendar takes too long to read. Expected one whose events of the year are found within %(seconds)s s."
        " Take out rules that repeat without end or exclude all they make."
    ),
)
_BY_MAIL = (
    gettext_noop("no mail server is set up"),
    gettext_noop("the mail server says %(words)s"),
    gettext_noop("the mail server did not answer within %(seconds)s s"),
    gettext_noop("the mail server's certificate is not trusted: %(why)s"),
    gettext_noop("the mail server does not offer a way to sign in"),
    gettext_noop("the mail server does not offer TLS"),
    gettext_noop("the mail server ended the conversation"),
    gettext_noop("the mail server cannot be reached: %(why)s"),
)
_BY_TELEPHONE = (
    gettext_noop("the line was busy"),
    gettext_noop("nobody answered the telephone"),
    gettext_noop("the call could not be made"),
    gettext_noop("the call was called off"),
    gettext_noop("that is not a telephone number"),
    gettext_noop("that number cannot be called"),
    gettext_noop(
        "whoever has that number asked for no more messages (STOP); they answer START to get them again"
    ),
    gettext_noop("no SMS can be sent from our number to that one"),
    gettext_noop("that number cannot get SMS"),
    gettext_noop("the account SID and its token do not fit"),
    gettext_noop("the account is not active"),
    gettext_noop("the account is suspended"),
    gettext_noop("the account has no number to call from"),
    gettext_noop("the number it is to come from is not one"),
    gettext_noop("the number it is to come from is not the account's"),
    gettext_noop("the number it is to come from cannot send SMS"),
    gettext_noop("the account may not send to that country"),
    gettext_noop("the account may not call that country"),
    gettext_noop("a trial account sends to numbers that were verified there, and to no others"),
    gettext_noop("a trial account calls numbers that were verified there, and no others"),
    gettext_noop("the messaging service has no number to send from"),
    gettext_noop("the provider's queue was full"),
    gettext_noop("the telephone is switched off, or out of reach"),
    gettext_noop("the network blocks messages to it"),
    gettext_noop("there is no such number"),
    gettext_noop("it is a landline, or its network is not reached"),
    gettext_noop("the network held it to be unwanted"),
    gettext_noop("the network does not say why"),
    gettext_noop("it would have cost more than the account allows"),
)
_BY_CHAT = (
    gettext_noop(
        "there is no such person or room in the workspace, or the room is private and the app was not invited"
    ),
    gettext_noop("there is no such person in the workspace"),
    gettext_noop("the app is not in that room; invite it there"),
    gettext_noop("the room is archived"),
    gettext_noop("nobody in the workspace has that e-mail address"),
    gettext_noop("that person's account in %(where)s is switched off"),
    gettext_noop("that is a program and not a person"),
    gettext_noop("the app may not write to people; switch on its messages tab"),
    gettext_noop("who may write in that room is restricted"),
    gettext_noop("that room is read-only"),
    gettext_noop("only threads may be written in that room"),
    gettext_noop("the message is no longer there"),
    gettext_noop("the message is not ours to change"),
    gettext_noop("the message is too old to be changed"),
    gettext_noop("the bot token is not valid"),
    gettext_noop("the token is not valid"),
    gettext_noop("the bot token is missing"),
    gettext_noop("the bot token was revoked"),
    gettext_noop("the bot token has expired"),
    gettext_noop("the app was removed from the workspace"),
    gettext_noop("the app lacks a permission; install it again with the manifest"),
    gettext_noop("the group has a new number; write %(address)s"),
    gettext_noop("this is no address in %(where)s"),
    gettext_noop("the topic is reserved for others"),
    gettext_noop("the workflow is gone, switched off or not for everybody"),
    gettext_noop("the workflow does not take it"),
    gettext_noop("the browser took its permission back, or was removed"),
    gettext_noop(
        "its push service does not know us; after a change of TOCSIN_SECRET_KEY browsers are connected anew"
    ),
    gettext_noop("its push service refused it"),
)
SHAPES = (*_PAGED, *_BY_CALENDAR, *_BY_MAIL, *_BY_TELEPHONE, *_BY_CHAT, *_FAILED)


def reason_words(text: str) -> str:
    """The stored reason in the reader's language, as far as it is in words of Tocsin's."""
    return told(as_phrase(text))


def as_phrase(text: str) -> str:
    """The stored reason as a phrase, to be told later; `text` itself when it is in nobody's words of ours."""
    whose, colon, rest = text.partition(": ")
    found = read_back(text, SHAPES)
    if (
        colon and whose.isalpha() and not isinstance(found, Phrase)
    ):  # a vendor's name, the same in every language
        return joined((f"{whose}: ", as_phrase(rest)), "")
    why, bracket, code = text.rpartition(" (")
    if isinstance(found, Phrase) or not (why and text.endswith(")")):
        return found
    return joined((as_phrase(why), bracket + code), "")
