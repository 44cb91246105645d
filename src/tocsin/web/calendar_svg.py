"""The bars of a calendar as SVG. There are hundreds on a page, and a template takes four times as long for them.

Positions are attributes, never styles, so that the policy of contents holds. Every text goes through `escape`.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from django.utils.safestring import SafeString

from tocsin.web.calendar_grid.bands import Row
from tocsin.web.calendar_grid.bars import Bar


def lane(row: Row) -> SafeString:
    """One row of a band; its bars are links where the row has somewhere to lead."""
    about = f' role="group" aria-label="{escape(row.name)}"' if row.link else ' aria-hidden="true"'
    bars = "".join(_linked(bar, escape(row.link)) if row.link else "".join(_bar(bar)) for bar in row.bars)
    return SafeString(f'<svg class="row-of {row.kind} lane-{row.kind}"{about}>{bars}</svg>')


def _linked(bar: Bar, link: str) -> str:
    title = escape(bar.title)
    return f'<a class="on-bar" href="{link}{bar.at}" data-sheet aria-label="{title}">{"".join(_bar(bar))}</a>'


def _bar(bar: Bar) -> Iterator[str]:
    yield f'<svg class="bar bar-{bar.kind}" x="{bar.x}" width="{bar.width}"><title>{escape(bar.title)}</title>'
    for stripe in bar.tints:
        place = f'y="{stripe.y}" height="{stripe.height}"'
        yield f'<rect class="t{stripe.tint}" {place} width="100%"></rect>'
        yield f'<rect class="edge t{stripe.tint}" {place} width="3"></rect>'
    if not bar.tints:
        yield '<rect width="100%" height="100%"></rect>'
    if bar.wide == bar.tight:
        yield _text(bar.wide, "")
    else:
        yield _text(bar.wide, "at-desk")
        yield _text(bar.tight, "on-phone")
    yield "</svg>"


def _text(text: str, kind: str) -> str:
    """A text in a bar; only on screens of one kind unless `kind` is ""."""
    only = f' class="{kind}"' if kind else ""
    return f'<text{only} x="9" y="52%">{escape(text)}</text>' if text else ""
