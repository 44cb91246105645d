"""Schedules as rows of a calendar: pure values, in percent of a row's width, that the templates draw.

A page shows one `Period` (a month, two weeks, a day) in one zone, cut into `Band`s that stand one below the other (a
week each, or the day). Every band has the same lanes: each layer, the overrides, and what comes out of them.
"""
