"""Webhooks of the organisation: what happens to incidents, told as signed events to other programs; and the changing of
the secrets that sign what is posted to contacts and places."""
