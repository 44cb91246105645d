"""Shifts as iCalendar (RFC 5545), out and in. Pure: no database, no clock, no network."""
