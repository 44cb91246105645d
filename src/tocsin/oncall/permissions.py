"""Who may change what of schedules: more than a role says, because one's own hours are one's own."""

from __future__ import annotations

from tocsin.oncall import rules
from tocsin.oncall.models import Override, Schedule
from tocsin.people.models import User
from tocsin.people.rules import May


def may_edit(user: User, schedule: Schedule | None) -> bool:
    """Whether `user` may change the schedule (None: make one): managers, and the lead of the team that looks after
    it."""
    return user.may(May.EDIT_SCHEDULES) or leads(user, schedule)


def leads(user: User, schedule: Schedule | None) -> bool:
    """Whether `user` leads the team that looks after the schedule, and may have a part in schedules at all."""
    if schedule is None or schedule.team is None:
        return False
    return schedule.team.lead_id == user.pk and user.may(May.SWAP)


def may_act_for(user: User, other: str, schedule: Schedule | None = None) -> bool:
    """Whether `user` may ask, answer and be away in the name of `other`: one's own, and for the absent those who may
    edit."""
    return (user.pk == other and user.may(May.SWAP)) or may_edit(user, schedule)


def may_override(user: User, schedule: Schedule, value: rules.Override | rules.Temporary) -> bool:
    """Whether `user` may make this override: those who may edit any, others one that puts themselves on call."""
    if may_edit(user, schedule):
        return True
    return user.may(May.SWAP) and isinstance(value, rules.Override) and is_taking(value, user.pk)


def is_taking(value: rules.Override, user: str) -> bool:
    """Whether the override does no more than put `user` on call, instead of others or beside them."""
    return value.mode is not rules.Mode.REMOVE and value.users == (user,)


def may_end(user: User, override: Override) -> bool:
    """Whether `user` may take the override back: those who may edit any, others what they made themselves. What two
    people agreed on, neither takes back alone."""
    if may_edit(user, override.schedule):
        return True
    return user.may(May.SWAP) and override.made_by == f"user:{user.pk}" and override.request_id is None
