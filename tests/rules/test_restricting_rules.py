"""Who reads a restricted incident, as a rule of values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.incident.rules.restricting import PROGRAM, Sight, Viewer, leads, sight
from tocsin.people.rules import SCOPES, TABLE, May, Role, Scope

BO, ADMIN = Viewer("bo"), Viewer("ada", trusted=True)
ANYBODY = st.builds(Viewer, st.one_of(st.none(), st.sampled_from(["bo", "cy"])), st.booleans())


@given(viewer=ANYBODY, named=st.booleans(), paged=st.booleans())
def test_what_is_not_restricted_is_read_by_everybody(viewer: Viewer, named: bool, paged: bool) -> None:
    assert sight(False, viewer, named=named, paged=paged) is Sight.ALL


@pytest.mark.parametrize(
    ("viewer", "named", "paged", "sees"),
    [
        (BO, False, False, Sight.NOTHING),
        (BO, False, True, Sight.NUMBER),
        (BO, True, False, Sight.ALL),
        (BO, True, True, Sight.ALL),
        (ADMIN, False, False, Sight.ALL),
        (PROGRAM, False, False, Sight.ALL),
    ],
)
def test_what_is_restricted_is_read_by_who_is_named_and_answered_by_who_is_paged(
    viewer: Viewer, named: bool, paged: bool, sees: Sight
) -> None:
    assert sight(True, viewer, named=named, paged=paged) is sees


def test_whoever_has_it_and_administrators_decide_who_reads_it() -> None:
    assert leads(BO, "bo", "")
    assert leads(BO, None, "user:bo")
    assert leads(ADMIN, None, "")
    assert not leads(BO, "cy", "user:cy")
    assert not leads(Viewer(None), None, "")
    assert not leads(Viewer("bo"), None, "integration:bo")


def test_of_the_roles_the_administrators_alone_reads_unnamed_and_a_token_needs_their_scope() -> None:
    assert [role for role in Role if May.READ_RESTRICTED in TABLE[role]] == [Role.ADMIN]
    assert [scope for scope in Scope if May.READ_RESTRICTED in SCOPES[scope]] == [Scope.ADMIN]
