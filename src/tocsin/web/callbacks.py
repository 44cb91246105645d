"""What providers tell us: `/channels/PROVIDER` and `/channels/PROVIDER/WHAT`.

1. The provider's own channel checks who calls; the address that it checks against is our public one (TOCSIN_URL),
   whatever a Host header says.
2. What it heard is answered one by one, and the channel puts the answers into the form its provider expects.
3. What a channel wants to say besides its answer, as a call of its own, it says in a thread that may wait.
4. Who is refused gets a status and nothing else; why stands in the log.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import cast

import structlog
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from tocsin.answering.actions import answer
from tocsin.kernel.errors import Refused
from tocsin.notification.accounts import callback_url, ready
from tocsin.notification.deadline import within
from tocsin.notification.hearing import CALLBACK_BYTES_MAX, Callback, Hears, Reply
from tocsin.notification.rules import SEND_DEADLINE, Failed
from tocsin.web.forms import instant
from tocsin.web.guard import own_key

WINDOW = timedelta(minutes=1)
HEARD_MAX = 6_000  # requests of one provider in a window
REFUSED_MAX = 600  # requests of one network address that were refused in a window; then it waits for the next
THENS_MAX = 32  # calls besides answers at once, of all providers
COUNTED_MAX = 10_000  # providers and addresses that are counted by name; the others are counted together

log = structlog.get_logger("tocsin.web.callbacks")


class Pace:
    """Counts within a window, and then anew. Safe to share between threads; bounded."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._ends: datetime | None = None

    def count(self, key: str, now: datetime) -> None:
        """Once more."""
        with self._lock:
            self._turn(now)
            known = key in self._counts or len(self._counts) < COUNTED_MAX
            self._counts[key if known else ""] += 1

    def wait(self, key: str, now: datetime) -> int:
        """0 when there is room for `key`, else the seconds until there is."""
        with self._lock:
            self._turn(now)
            if self._counts.get(key, 0) < self._most or self._ends is None:
                return 0
            return max(1, int((self._ends - now).total_seconds()))

    def forget(self) -> None:
        with self._lock:
            self._counts.clear()

    def _turn(self, now: datetime) -> None:
        if self._ends is None or now >= self._ends or self._ends - now > WINDOW:
            self._counts.clear()
            self._ends = now + WINDOW


class Afterwards:
    """The calls that channels make besides their answers, each in a thread of its own; nothing hangs on them."""

    def __init__(self) -> None:
        self._room = threading.BoundedSemaphore(THENS_MAX)

    def call(self, then: Callable[[], Failed | None], provider_id: str) -> None:
        """Call `then` at once; not at all when too many are made already. The log says what became of it."""
        if not self._room.acquire(blocking=False):
            log.warning("too much is said besides answers; this was left out", provider=provider_id)
            return
        run = partial(self._run, then, provider_id)
        threading.Thread(target=run, name="after-a-callback", daemon=True).start()

    def settle(self) -> None:
        """Wait until all that was to be said has been said."""
        for _ in range(THENS_MAX):
            self._room.acquire()
        self._room.release(THENS_MAX)

    def _run(self, then: Callable[[], Failed | None], provider_id: str) -> None:
        try:
            with within(SEND_DEADLINE.total_seconds()):
                failed = then()
            if failed is not None:
                log.info(
                    "a provider did not take what was said besides", provider=provider_id, why=failed.why
                )
        except Exception:
            log.exception("saying something besides an answer failed", provider=provider_id)
        finally:
            self._room.release()


HEARD, REFUSED, AFTERWARDS = Pace(HEARD_MAX), Pace(REFUSED_MAX), Afterwards()


@csrf_exempt  # no session is asked; the channel checks who calls
@own_key
@require_http_methods(["GET", "POST"])
def hear(request: HttpRequest, provider_id: str, what: str = "") -> HttpResponse:
    """Hear what a provider has to say, do what it asks for, and answer in its form."""
    now, address = instant(request), str(request.META.get("REMOTE_ADDR", ""))
    if seconds := REFUSED.wait(address, now) or HEARD.wait(provider_id, now):
        return HttpResponse(status=429, headers={"Retry-After": str(seconds)})
    try:
        reply = _reply(request, provider_id, what, now)
    except Refused as refused:
        REFUSED.count(address, now)
        log.info("a callback was refused", provider=provider_id[:64], status=refused.status, why=refused.what)
        return HttpResponse(status=refused.status)
    return HttpResponse(reply.body, status=reply.status, content_type=reply.content_type)


def _reply(request: HttpRequest, provider_id: str, what: str, now: datetime) -> Reply:
    channel = _listener(provider_id)
    hearing = channel.hear(_callback(request, provider_id, what), now)
    HEARD.count(provider_id, now)
    told = [answer(heard, provider_id, now) for heard in hearing.heard]
    if hearing.then is not None:
        AFTERWARDS.call(partial(hearing.then, told), provider_id)
    return hearing.answer(told)


def _listener(provider_id: str) -> Hears:
    """The channel of the provider. Raises Refused for one that is not there, is switched off, or hears nothing."""
    opened = ready().opened.get(provider_id)
    channel = opened.channel if opened is not None else None
    if channel is None or not hasattr(channel, "hear"):
        raise Refused("No provider hears here", status=404)
    return cast(Hears, channel)


def _callback(request: HttpRequest, provider_id: str, what: str) -> Callback:
    """The request as the provider made it. Raises Refused for a body that is too long."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > CALLBACK_BYTES_MAX:
        raise Refused("The body is too long", f"at most {CALLBACK_BYTES_MAX} bytes", status=413)
    query = request.META.get("QUERY_STRING", "")
    url = callback_url(provider_id) + (f"/{what}" if what else "") + (f"?{query}" if query else "")
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Callback(str(request.method), url, what, headers, request.body)


urlpatterns = [
    path("channels/<slug:provider_id>", hear, name="callback"),
    path("channels/<slug:provider_id>/<slug:what>", hear, name="callback_what"),
]
