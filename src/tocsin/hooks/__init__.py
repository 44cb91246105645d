"""Webhooks of the organisation: what happens to incidents, told as signed events to other programs."""
