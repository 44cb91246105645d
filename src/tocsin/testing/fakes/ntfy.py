"""An ntfy server: topics that anybody may write to, and one that is reserved."""

from __future__ import annotations

from tocsin.testing.fakes import Answer, Fake, Request

TOKEN = "tk_faketokenoftests"
RESERVED = "reserved"
BYTES_MAX = 4_096


class FakeNtfy(Fake):
    """Takes JSON at `url`; the topic "reserved" needs the token."""

    def busy(self) -> Answer:
        """Its refusal of who asks too often."""
        error = {"code": 42901, "http": 429, "error": "limit reached: too many requests"}
        return Answer(error, 429, {"Retry-After": str(self.wait)})

    def respond(self, request: Request) -> Answer:
        """Take a message for a topic, or refuse it as ntfy does: 401, 400 or 403."""
        given, data = request.headers.get("authorization", ""), request.data
        if given and given != f"Bearer {TOKEN}":
            return Answer({"code": 40101, "http": 401, "error": "unauthorized"}, 401)
        if request.path != "/" or not data.get("topic"):
            return Answer({"code": 40009, "http": 400, "error": "invalid request: topic invalid"}, 400)
        if data["topic"] == RESERVED and not given:
            return Answer({"code": 40301, "http": 403, "error": "forbidden"}, 403)
        if len(str(data.get("message", "")).encode()) > BYTES_MAX or len(data.get("actions", ())) > 3:
            return Answer({"code": 40018, "http": 400, "error": "invalid request: actions invalid"}, 400)
        id_ = f"m{self._next()}"
        self.messages[id_] = dict(data)
        return Answer({"id": id_, "time": 1772442000, "event": "message", **data})
