"""The readers of restricted incidents, as they are stored. Of one that is not restricted nothing is asked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from tocsin.incident.models import Incident, Reader
from tocsin.incident.rules.restricting import PROGRAM, Sight, Viewer, leads, sight
from tocsin.journal.actions import Fact, write
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused, not_found
from tocsin.notification.models import Page
from tocsin.notification.rules import Kind
from tocsin.people.models import User
from tocsin.people.rules import May

CALLED_BY = (Kind.PAGE, Kind.UPDATE)  # what calls a person; a copy for a trainee does not


def viewer_of(user: User) -> Viewer:
    """Somebody who is signed in, as the rule sees them."""
    return Viewer(user.pk, user.may(May.READ_RESTRICTED))


def viewer_by(by: By) -> Viewer:
    """Who acts, as the rule sees them. What is no person is the program, or a sender behind its own key."""
    if by.user_id is None:
        return PROGRAM
    user = User.objects.filter(pk=by.user_id).first()
    return viewer_of(user) if user is not None else Viewer(by.user_id)


def sight_of(incident: Incident, viewer: Viewer) -> Sight:
    """What `viewer` sees of it now."""
    if not incident.restricted or viewer.trusted:
        return Sight.ALL
    named = Reader.objects.filter(incident=incident, user=viewer.user_id).exists()
    paged = not named and was_paged(incident.pk, viewer.user_id)
    return sight(True, viewer, named=named, paged=paged)


def was_paged(incident_id: int, user_id: str | None) -> bool:
    """Whether this person was ever called to it by a page."""
    return (
        user_id is not None
        and Page.objects.filter(incident_id=incident_id, user=user_id, kind__in=CALLED_BY).exists()
    )


def may_read(incident: Incident, viewer: Viewer) -> bool:
    return sight_of(incident, viewer) is Sight.ALL


def refuse_unread(incident: Incident, viewer: Viewer) -> None:
    """Raises Refused, in the words for one that is not there, unless `viewer` may read it."""
    if not may_read(incident, viewer):
        raise not_found("incident", incident.pk)


def refuse_unseen(incident: Incident, by: By) -> None:
    """The same, but who was paged about it may go on, although they cannot read it: they have to be able to answer."""
    if incident.restricted and sight_of(incident, viewer_by(by)) is Sight.NOTHING:
        raise not_found("incident", incident.pk)


def refuse_unless_leads(incident: Incident, by: By) -> None:
    """Raises Refused unless whoever acts decides who reads it."""
    viewer = viewer_by(by)
    refuse_unread(incident, viewer)
    if not leads(viewer, incident.assigned_id, incident.acknowledged_by):
        raise Refused(
            f"Who reads #{incident.pk} is not yours to decide",
            "whoever has the incident, or an administrator",
            status=403,
        )


def name_readers(incident: Incident, users: Iterable[str | None], why: str, by: By, now: datetime) -> int:
    """Let these people read it while it is restricted, and say so on its timeline, each once; returns how many are new.
    Of one that is not restricted nobody is named. In the caller's transaction."""
    wanted = dict.fromkeys(user for user in users if user is not None) if incident.restricted else {}
    if not wanted:
        return 0
    known = set(Reader.objects.filter(incident=incident, user__in=wanted).values_list("user", flat=True))
    there = set(User.objects.people().filter(pk__in=wanted).values_list("pk", flat=True)) - known
    new = [user for user in wanted if user in there]
    Reader.objects.bulk_create(
        [Reader(incident=incident, user_id=user, by=by.who, at=now) for user in new], ignore_conflicts=True
    )
    write(
        [Fact(incident.chain, "incident.reader_named", {"user": user, "why": why}) for user in new], by, now
    )
    return len(new)
