"""Every command, in one place."""

from __future__ import annotations

from importlib.metadata import version

from cyclopts import App

app = App(
    name="tocsin",
    help="Incident management and escalation: an alert becomes a page and climbs until somebody owns it.",
    version=lambda: version("tocsin"),
)
app.command("tocsin.cli.run:run")
