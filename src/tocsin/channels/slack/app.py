"""The description of our app that Slack makes it from. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COMMAND = "/tocsin"
REPORT = "tocsin_report"  # the shortcuts and the window in which somebody reports a problem
SCOPES = (
    "chat:write",  # messages to people and to rooms it was invited to
    "chat:write.public",  # and to public ones without an invitation
    "commands",  # the command and the shortcuts
    "im:history",  # what people write to it
    "users:read",
    "users:read.email",  # to find somebody by the address that both know
)


def manifest(callback_url: str) -> Mapping[str, Any]:
    """An app that calls us at `callback_url`, with no more rights than what it does needs."""
    return {
        "display_information": {
            "name": "Tocsin",
            "description": "Pages, incidents and who is on call",
            "background_color": "#2b2a28",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": False,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": "Tocsin", "always_online": True},
            "shortcuts": [
                {
                    "name": "Report a problem",
                    "type": "global",
                    "callback_id": REPORT,
                    "description": "Open an incident",
                },
                {
                    "name": "Report as a problem",
                    "type": "message",
                    "callback_id": REPORT,
                    "description": "Open an incident with these words",
                },
            ],
            "slash_commands": [
                {
                    "command": COMMAND,
                    "url": callback_url,
                    "description": "Who is on call, acknowledge, page, open an incident",
                    "usage_hint": "who | ack | page | open | note | snooze | help",
                    "should_escape": True,
                }
            ],
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": {"request_url": callback_url, "bot_events": ["message.im"]},
            "interactivity": {"is_enabled": True, "request_url": callback_url},
            "org_deploy_enabled": False,
            "socket_mode_enabled": False,
            "token_rotation_enabled": False,
        },
    }
