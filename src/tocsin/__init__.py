"""Tocsin: an alert becomes a page and climbs until somebody owns it."""
