"""What people read in messages, in their language: spans and instants in words. Everything here answers in the language
that `django.utils.translation.override` has set, and in English outside of one."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils.translation import gettext, ngettext

from tocsin.kernel.durations import in_words

DAY = timedelta(days=1)


def span_words(span: timedelta) -> str:
    """`span` in its two largest units: "2 min 40 s", "3 days 4 h"; the signs of hours and below are everybody's."""
    if span < DAY:
        return in_words(span)
    days = ngettext("%(count)s day", "%(count)s days", span.days) % {"count": span.days}
    rest = span - DAY * span.days
    smaller = in_words(rest).split()[:2] if rest >= timedelta(seconds=1) else []
    return " ".join([days, *smaller])


def since_words(at: datetime, now: datetime) -> str:
    """How long ago `at` was: "4 min ago", "just now"."""
    if now - at < timedelta(seconds=1):
        return gettext("just now")
    return gettext("%(span)s ago") % {"span": span_words(now - at)}
