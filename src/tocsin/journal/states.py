"""A column that holds the name of a state, asked for in words that an index of some states can serve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models.lookups import In

if TYPE_CHECKING:  # what they are made of has parameters for the type checker only

    class _TextField(models.CharField[str, str]): ...

    class _AnyIn(In[Any]): ...
else:
    _TextField, _AnyIn = models.CharField, In


class StateField(_TextField):
    """A text column whose values are the names of an enumeration.

    A list of states in a question is written into the statement, not handed over beside it: SQLite recognises
    an index over the rows of some states only by the very text of its condition.
    """

    def deconstruct(self) -> Any:
        """As the plain text column it is in the tables."""
        name, _, words, options = super().deconstruct()
        return name, "django.db.models.CharField", words, options


@StateField.register_lookup
class OneOf(_AnyIn):
    """`state IN ('due', 'sending')`, where the states are known and plain words."""

    def process_rhs(self, compiler: Any, connection: Any) -> tuple[Any, Any]:
        """The list as text; the usual marks and values for anything but plain words."""
        states = [str(each) for each in self.rhs] if self.rhs_is_direct_value() else []
        if not states or not all(state.isascii() and state.isidentifier() for state in states):
            sql, values = super().process_rhs(compiler, connection)
            return sql, values
        quoted = ", ".join(f"'{state}'" for state in dict.fromkeys(states))
        return f"({quoted})", []
