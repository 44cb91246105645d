"""Policies and climbs: who is paged next, and when."""
