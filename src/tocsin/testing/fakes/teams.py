"""A Teams workflow that posts what it is given; the older kind of address too."""

from __future__ import annotations

import json

from tocsin.testing.fakes import Answer, Fake, Request

CARD = "application/vnd.microsoft.card.adaptive"
BYTES_MAX = 28_672


class FakeTeams(Fake):
    """The workflow is at `url + "/workflows/W/triggers/manual/paths/invoke?sig=S"`; `words` are its next answers' text,
    as addresses of the older kind say in words what went wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def respond(self, request: Request) -> Answer:
        """Take a card for a workflow, or refuse it as Power Automate does: 401, 413 or 400."""
        if "/workflows/" not in request.path or "sig=S" not in request.path:
            return Answer({"error": {"code": "DirectApiAuthorizationRequired"}}, 401)
        if len(json.dumps(request.data)) > BYTES_MAX:
            return Answer({"error": {"code": "RequestEntityTooLarge"}}, 413)
        attachments = request.data.get("attachments", ())
        if request.data.get("type") != "message" or [one.get("contentType") for one in attachments] != [CARD]:
            return Answer({"error": {"code": "BadRequest"}}, 400)
        if self.words:
            return Answer(self.words.pop(0).encode())
        self.messages[str(self._next())] = attachments[0]["content"]
        return Answer(b"", 202)
