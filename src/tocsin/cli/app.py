"""Every command, in one place. The modules are named, not imported: a command pays for itself only."""

from __future__ import annotations

from importlib.metadata import version

from cyclopts import App

app = App(
    name="tocsin",
    help="Incident management and escalation: an alert becomes a page and climbs until somebody owns it.",
    version=lambda: version("tocsin"),
)
_COMMANDS = {
    "run": ("run:run", "Run web, API, intake and engine in one process."),
    "apply": ("organisation:apply", "Make the organisation what files say."),
    "export": ("organisation:export", "Print the organisation as a file."),
    "oncall": ("oncall:oncall", "Print who is on call, now or at any instant."),
    "check": ("check:check", "Say whether somebody would come: gaps, people, expectations."),
    "backtest": ("backtest:backtest", "Replay the past with changed organisation files."),
    "report": ("report:report", "Report that something is wrong."),
    "incident": ("incident:app", "List, show and work on incidents."),
    "send": ("send:send", "Send a test event through the real intake."),
    "user": ("user:app", "Add and list people."),
    "token": ("token:app", "Make, list and revoke tokens for the API."),
    "integration": ("integration:app", "List integrations, show and renew their keys."),
    "provider": ("provider:app", "List the accounts that carry messages, test one."),
    "webhook": ("webhook:app", "Tell other programs what happens to incidents."),
    "audit": ("audit:app", "Prove that the journal was not changed."),
    "migrate": ("migrate:migrate", "Bring the database up to date."),
    "backup": ("backup:backup", "Write everything into one file."),
    "restore": ("backup:restore", "Put a backup into an empty data folder."),
    "doctor": ("doctor:doctor", "Look at everything that has to be right."),
}
for _name, (_place, _help) in _COMMANDS.items():
    app.command(f"tocsin.cli.{_place}", name=_name, help=_help)
