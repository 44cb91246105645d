"""Every command, in one place. The modules are named, not imported: a command pays for itself only."""

from __future__ import annotations

from importlib.metadata import version

from cyclopts import App

app = App(
    name="tocsin",
    help="Incident management and escalation: an alert becomes a page and climbs until somebody owns it.",
    version=lambda: version("tocsin"),
)
app.command("tocsin.cli.run:run")
app.command("tocsin.cli.organisation:apply")
app.command("tocsin.cli.organisation:export")
app.command("tocsin.cli.incident:app", name="incident")
app.command("tocsin.cli.send:send")
app.command("tocsin.cli.user:app", name="user")
app.command("tocsin.cli.token:app", name="token")
app.command("tocsin.cli.integration:app", name="integration")
app.command("tocsin.cli.audit:app", name="audit")
app.command("tocsin.cli.migrate:migrate")
app.command("tocsin.cli.backup:backup")
app.command("tocsin.cli.backup:restore")
app.command("tocsin.cli.doctor:doctor")
