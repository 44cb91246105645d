"""Proofs, gaps, expectations and backtests over values. Pure; the rooms above import from here."""

from tocsin.readiness.rules.backtest import (
    Replayed,
    Tally,
    backtest,
    rows_of,
    tallies,
)
from tocsin.readiness.rules.coverage import Prover, check_bounds, prove
from tocsin.readiness.rules.expecting import Expectation, Verdict, judge, moment, zone_of
from tocsin.readiness.rules.gaps import GAPS_AHEAD, Gap, GapKind, gaps_ahead, gaps_of
from tocsin.readiness.rules.outlook import Outlook
from tocsin.readiness.rules.past import Happened, Past, Search, searches_of
from tocsin.readiness.rules.values import (
    FOLLOWED,
    PEOPLE_MAX,
    WEEKS_MAX,
    Arrangement,
    Person,
    Proof,
    Weak,
)

__all__ = [
    "FOLLOWED",
    "GAPS_AHEAD",
    "PEOPLE_MAX",
    "WEEKS_MAX",
    "Arrangement",
    "Expectation",
    "Gap",
    "GapKind",
    "Happened",
    "Outlook",
    "Past",
    "Person",
    "Proof",
    "Prover",
    "Replayed",
    "Search",
    "Tally",
    "Verdict",
    "Weak",
    "backtest",
    "check_bounds",
    "gaps_ahead",
    "gaps_of",
    "judge",
    "moment",
    "prove",
    "rows_of",
    "searches_of",
    "tallies",
    "zone_of",
]
