"""Tell the administrators that a webhook was switched off, because nothing had arrived there for days."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

from django.utils.translation import gettext, ngettext

from tocsin.hooks.models import Hook
from tocsin.hooks.rules import OFF_AFTER
from tocsin.hooks.sending import switch_off_failing
from tocsin.journal.changes import changing
from tocsin.people.models import User
from tocsin.people.reasons import reason_words
from tocsin.people.rules import Role
from tocsin.telling.notices import Notice, send


def switch_off_and_tell(hook_id: str, why: str, now: datetime) -> bool:
    """Switch the webhook off and say so, in one transaction; False when it is off, or doing better, already."""
    with changing():
        off = switch_off_failing(hook_id, why, now)
        if off is None:
            return False
        admins = User.objects.people().filter(is_active=True, role=Role.ADMIN).order_by("pk")
        send([_notice(*off, user) for user in admins.values_list("pk", flat=True)], now)
    return True


def _notice(row: Hook, dropped: int, user: str) -> Notice:
    return Notice(
        user=user,
        words=partial(_words, row, dropped),
        reason=f"webhook {row.pk} fails",
        path=f"/settings/webhooks/{row.pk}",
    )


def _words(row: Hook, dropped: int, here: ZoneInfo) -> tuple[str, list[str]]:
    why = gettext("For %(count)s days nothing that was sent there has arrived. The last time: %(why)s.")
    lost = ngettext(
        "%(count)s event that waited for it was given up.",
        "%(count)s events that waited for it were given up.",
        dropped,
    )
    mend = gettext(
        "Mend its receiver, send a test, and switch it on again: it is then told of what happens from there on."
    )
    subject = gettext("Webhook %(hook)s was switched off") % {"hook": row}
    return subject, [
        why % {"count": OFF_AFTER.days, "why": reason_words(row.off_why)},
        lost % {"count": dropped},
        mend,
    ]
