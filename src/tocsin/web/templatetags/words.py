"""How templates say times, states and people. Load with `{% load words %}`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from tocsin.kernel.durations import format_duration, in_words
from tocsin.kernel.text import cut
from tocsin.notification.channels import shown_address
from tocsin.people.speaking import date_words, weekday_words
from tocsin.web import assets, calendar_svg

register = template.Library()

GLYPHS = {
    "triggered": "●",
    "acknowledged": "◐",
    "snoozed": "⏸",
    "resolved": "✓",
    "closed": "▪",
    "firing": "●",
}
STATES = {
    "triggered": "nobody has it",
    "acknowledged": "in hand",
    "snoozed": "snoozed",
    "resolved": "resolved",
    "closed": "closed",
    "firing": "firing",
}
SHORT = timedelta(hours=1)
LINK_LENGTH_MAX = 60  # characters of a link's words


register.filter("shown_address", shown_address)


@register.simple_tag
def asset(name: str) -> str:
    """The address of a style sheet, script or icon, with its content's hash."""
    return assets.address(name)


register.simple_tag(calendar_svg.lane)


@register.filter
def words(span: timedelta | None) -> str:
    """In words: "2 min 40 s", "3 days 4 h"."""
    return "" if span is None else in_words(span)


@register.filter
def short(span: timedelta | None) -> str:
    """As the organisation file writes it: "5m", "1h30m"."""
    return "" if span is None else format_duration(span)


@register.filter
def since(then: datetime | None, now: datetime) -> str:
    """How long ago, rounded as people say it: "4 min", "3 h", "2 days"."""
    return "" if then is None else rounded(now - then)


def rounded(span: timedelta) -> str:
    """The largest unit that says it: "12 s", "4 min", "3 h 5 min" below a day, "2 days" above."""
    seconds = max(0, int(span.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3_600:
        return f"{seconds // 60} min"
    if seconds < 86_400:
        minutes = seconds % 3_600 // 60
        return f"{seconds // 3_600} h" + (f" {minutes} min" if minutes and seconds < 6 * 3_600 else "")
    days = seconds // 86_400
    return f"{days} day" + ("s" if days > 1 else "")


def full(at: datetime) -> str:
    """The whole instant in the reader's zone, and in UTC when that is another."""
    local = timezone.localtime(at)
    zone = timezone.get_current_timezone_name()
    text = local.strftime("%A %-d %B %Y %H:%M:%S ") + (local.tzname() or zone)
    if zone not in ("UTC", local.tzname()):
        text += f" ({zone})"
    return text if local.utcoffset() == timedelta(0) else f"{text} · {at.astimezone(UTC):%H:%M:%S} UTC"


def _time(at: datetime, text: str, focus: bool = False) -> SafeString:
    return format_html(
        '<time datetime="{}" title="{}"{}>{}</time>',
        at.astimezone(UTC).isoformat(timespec="seconds"),
        full(at),
        SafeString(f' class="exact" tabindex="0" data-full="{full(at)}"') if focus else "",
        text,
    )


@register.simple_tag
def ago(then: datetime | None, now: datetime) -> str | SafeString:
    """`<time>` that says how long ago; the browser keeps it true, the whole instant is its title."""
    if then is None:
        return ""
    return format_html(
        '<time datetime="{}" title="{}" data-since>{}</time>',
        then.astimezone(UTC).isoformat(timespec="seconds"),
        full(then),
        rounded(now - then),
    )


@register.simple_tag
def until(at: datetime | None, now: datetime, before: str = "") -> str | SafeString:
    """A countdown "0:50" that the browser keeps ticking, after the word `before`; just "now" once it is reached."""
    if at is None:
        return ""
    return format_html(
        '<time class="countdown" datetime="{}" title="{}" data-until="{}">{}</time>',
        at.astimezone(UTC).isoformat(timespec="milliseconds"),
        full(at),
        before,
        f"{before} {countdown(at - now)}".strip() if at > now else "now",
    )


def countdown(left: timedelta) -> str:
    """Like "0:50", "12:05", "1:02:03", "now"."""
    seconds = int(left.total_seconds())
    if seconds <= 0:
        return "now"
    if left > timedelta(days=1):
        return in_words(left)
    hours, rest = divmod(seconds, 3_600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@register.simple_tag
def clock(at: datetime | None, now: datetime | None = None, focus: bool = True) -> str | SafeString:
    """The time of day with seconds, and the day when it is not today; on hover and focus all of it."""
    if at is None:
        return ""
    local = timezone.localtime(at)
    same_day = now is not None and local.date() == timezone.localtime(now).date()
    return _time(at, local.strftime("%H:%M:%S" if same_day else "%-d %b %H:%M:%S"), focus)


@register.simple_tag
def day_time(at: datetime | None, now: datetime | None = None) -> str | SafeString:
    """Short: "14:02" today, "Mon 14:02" within a week, "3 Nov 14:02" this year, "2024-11-03 14:02" before."""
    if at is None:
        return ""
    local = timezone.localtime(at)
    here = timezone.localtime(now) if now else local
    days = (here.date() - local.date()).days
    if now is None or days == 0:
        return _time(at, f"{local:%H:%M}")
    if 0 < days < 7:
        return _time(at, weekday_words(local))
    return _time(at, date_words(local) if local.year == here.year else f"{local:%Y-%m-%d %H:%M}")


@register.filter
def glyph(state: str) -> str:
    """The sign of a state: ● nobody has it, ◐ somebody has it, ⏸ it rests, ✓ resolved, ▪ closed."""
    return GLYPHS.get(state, "·")


@register.filter
def state_words(state: str) -> str:
    return STATES.get(state, state)


@register.filter
def plural(count: int, noun: str) -> str:
    """Like "1 alert", "12 alerts"; an irregular noun is written "person,people"."""
    one, _, many = noun.partition(",")
    return f"{count} {one if count == 1 else many or one + 's'}"


@register.filter
def at_key(mapping: Any, key: object) -> Any:
    """`mapping[key]`, or "" when there is none."""
    return mapping.get(key, "") if hasattr(mapping, "get") else ""


@register.filter
def with_host(link: tuple[str, str]) -> str:
    """The words of a sender's link, with the host that it leads to: "Runbook (wiki.example)". A link may be called
    like another address than its own."""
    name, host = cut(link[0], LINK_LENGTH_MAX), urlsplit(link[1]).hostname or ""
    return f"{name} ({host})" if name and name != host else host


@register.filter
def undo_of(tags: str | None) -> tuple[str, str] | None:
    """(address, label) of a message that can be taken back, else None; see layout.say."""
    word, _, rest = (tags or "").partition(" ")
    address, _, label = rest.partition(" ")
    return (address, label.removesuffix(" success")) if word == "undo" and address.startswith("/") else None
