"""Shared words, all pure: durations, ids, errors, who acts, how urgent."""
