"""What Slack's error words mean to whoever reads why a page did not go. Pure."""

from __future__ import annotations

from tocsin.channels.wording import clean
from tocsin.notification.rules import Blame, Failed

# Not here: an account in another workspace may know it.
_ELSEWHERE = {
    "channel_not_found": "there is no such person or room in the workspace, or the room is private and the app "
    "was not invited",
    "user_not_found": "there is no such person in the workspace",
}
_ADDRESS = {
    "not_in_channel": "the app is not in that room; invite it there",
    "is_archived": "the room is archived",
    "users_not_found": "nobody in the workspace has that e-mail address",
    "user_disabled": "that person's account in Slack is switched off",
    "cannot_dm_bot": "that is a program and not a person",
    "messages_tab_disabled": "the app may not write to people; switch on its messages tab",
    "restricted_action": "who may write in that room is restricted",
    "restricted_action_read_only_channel": "that room is read-only",
    "restricted_action_thread_only_channel": "only threads may be written in that room",
    "message_not_found": "the message is no longer there",
    "cant_update_message": "the message is not ours to change",
    "edit_window_closed": "the message is too old to be changed",
}
_ACCOUNT = {
    "invalid_auth": "the bot token is not valid",
    "not_authed": "the bot token is missing",
    "account_inactive": "the app was removed from the workspace",
    "token_revoked": "the bot token was revoked",
    "token_expired": "the bot token has expired",
    "missing_scope": "the app lacks a permission; install it again with the manifest",
    "no_permission": "the app lacks a permission; install it again with the manifest",
    "not_allowed_token_type": "this is not a bot token",
    "access_denied": "the workspace does not let the app do this",
    "accesslimited": "the workspace does not let the app in from this network",
    "ekm_access_denied": "the workspace's administrators have stopped messages",
    "team_access_not_granted": "the app was not let into this workspace",
    "org_login_required": "the workspace is being moved",
    "team_added_to_org": "the workspace is being moved",
}
_PASSING = {
    "ratelimited": "it is asked too often for now",
    "rate_limited": "it is asked too often for now",
    "message_limit_exceeded": "the workspace has sent all the messages it may",
    "internal_error": "it has a fault of its own",
    "fatal_error": "it has a fault of its own",
    "service_unavailable": "it has a fault of its own",
    "request_timeout": "it did not get the whole request",
    "update_failed": "it has a fault of its own",
}
_MESSAGE = {
    "msg_too_long": "the message is too long for it",
    "msg_blocks_too_long": "the message is too long for it",
    "invalid_blocks": "it cannot read the message's form",
    "invalid_blocks_format": "it cannot read the message's form",
    "no_text": "it sees no text in the message",
}
PLAINER = frozenset(_MESSAGE)  # the same message in its plainest form may go
THREADLESS = frozenset(("thread_not_found", "invalid_thread_ts", "cannot_reply_to_message"))
GONE = frozenset(("message_not_found", "cant_update_message", "edit_window_closed"))


def failure(word: str) -> Failed:
    """What the error `word` means, in a sentence; whose fault it is, and whether another try can help."""
    if word in _ADDRESS:
        return Failed(f"Slack: {_ADDRESS[word]} ({word})", again=False, blame=Blame.ADDRESS)
    if word in _ELSEWHERE:
        return Failed(f"Slack: {_ELSEWHERE[word]} ({word})", again=False)
    if word in _ACCOUNT:
        return Failed(f"Slack: {_ACCOUNT[word]} ({word})", again=False, blame=Blame.PROVIDER)
    if word in _PASSING:
        return Failed(f"Slack: {_PASSING[word]} ({word})", blame=Blame.PROVIDER)
    if word in _MESSAGE:
        return Failed(f"Slack: {_MESSAGE[word]} ({word})", again=False)
    return Failed(f"Slack refused it: {clean(word, 60) or 'it does not say why'}")
