"""What allauth asks us: where to go, what is safe, how mail leaves, what is written down."""

from __future__ import annotations

import base64
import hashlib
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet
from django.conf import settings
from django.core.mail import EmailMessage
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import Resolver404, resolve, reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import override

from tocsin.journal.actions import ORGANISATION, Fact, write
from tocsin.journal.changes import changing
from tocsin.kernel.acting import By, by_user
from tocsin.people.models import User
from tocsin.people.speaking import house_language
from tocsin.web.sessions import begin, forget_expired

NEXT_LENGTH_MAX = 2_000
MACHINE_MADE = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}
NOTED = {
    "mfa/email/totp_activated": "access.two_factor_on",
    "mfa/email/totp_deactivated": "access.two_factor_off",
    "mfa/email/recovery_codes_generated": "access.recovery_codes_made",
}
# Account mail leaves beside the request: its answer takes equally long for known and unknown addresses.
_outgoing = ThreadPoolExecutor(max_workers=1, thread_name_prefix="account-mail")
_last_mail: Future[object] | None = None


def safe_next(url: str | None) -> str | None:
    """`url` when it is a path of this instance that some page answers, else None."""
    if not url or len(url) > NEXT_LENGTH_MAX or not url.startswith("/"):
        return None
    if "\\" in url or not url.isprintable() or not url_has_allowed_host_and_scheme(url, allowed_hosts=None):
        return None
    path = url.partition("#")[0].partition("?")[0]
    try:
        resolve(path)
    except Resolver404:
        return None
    return url


def mail_is_set_up() -> bool:
    """Whether a mail server is configured."""
    return not settings.EMAIL_BACKEND.endswith(".dummy.EmailBackend")


def wait_for_mail() -> None:
    """Return once every account mail handed over so far has left or failed."""
    if _last_mail is not None:
        _last_mail.exception()


def note_access(kind: str, user: User, request: HttpRequest, by: By | None = None, **data: Any) -> None:
    """Write to the audit log that somebody used their access, or that it was changed: by themselves, or `by`."""
    with changing():
        fact = Fact(ORGANISATION, kind, {"user": user.pk, **data})
        write([fact], by or by_user(user.pk, "web"), request.now)  # type: ignore[attr-defined]


class Adapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Sign-in by e-mail and password, for people whom an administrator added."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": "The address or the password is not right. Check both, or set a new password.",
        "too_many_login_attempts": "Too many wrong tries. Wait 15 minutes, or ask an administrator for a link.",
        "enter_current_password": "This is not your present password.",
        "incorrect_password": "This is not your password.",
        "rate_limited": "Too many tries. Wait a minute.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def is_safe_url(self, url: str) -> bool:
        return safe_next(url) is not None

    def login(self, request: HttpRequest, user: User) -> None:
        """Begin the session, with its limits, and write it down."""
        super().login(request, user)
        begin(request.session, request.now)  # type: ignore[attr-defined]
        forget_expired(request.now)  # type: ignore[attr-defined]
        note_access("access.signed_in", user, request, address=self.get_client_ip(request))

    def logout(self, request: HttpRequest) -> None:
        """End the session and write it down."""
        if isinstance(request.user, User):
            note_access("access.signed_out", request.user, request)
        super().logout(request)

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse:
        """Go on to where the person wanted to go; who has no password yet may set one on the way."""
        response: HttpResponse = super().post_login(request, user, **kwargs)
        if user.has_usable_password():
            return response
        onward = urlencode({"next": response.headers.get("Location", "/")})
        return HttpResponseRedirect(f"{reverse('account_set_password')}?{onward}")

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("profile")

    def set_password(self, user: User, password: str) -> None:
        """Change the password and write it down; all other sessions end."""
        with changing():
            user.set_password(password)
            user.save(update_fields=["password"])
            note_access("access.password_changed", user, self.request)

    def get_reset_password_from_key_url(self, key: str) -> str:
        return f"{settings.PUBLIC_URL}{reverse('account_reset_password')}/{quote(key)}"

    def send_notification_mail(
        self,
        template_prefix: str,
        user: User,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        """Tell the person by mail that their access changed, and write down what nothing else does."""
        if kind := NOTED.get(template_prefix):
            note_access(kind, user, self.request)
        super().send_notification_mail(template_prefix, user, {"user": user, **(context or {})}, email)

    def tell_second_step_is_gone(self, user: User) -> None:
        """Tell the person that an administrator turned their two-factor sign-in off."""
        super().send_notification_mail("mfa/email/totp_deactivated", user, {"user": user})

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send account mail in the background; nothing where no mail server is set."""
        if not mail_is_set_up():
            return
        context = {"email": email, "public_url": settings.PUBLIC_URL, **context}
        reader = context.get("user")
        language = reader.language if isinstance(reader, User) else house_language()
        headers = MACHINE_MADE | {"Content-Language": language}
        with override(language):
            message = self.render_mail(template_prefix, email, context, headers)
        send_beside(message)

    def get_user_search_fields(self) -> list[str]:
        return []


def send_beside(message: EmailMessage) -> None:
    """Send `message` in the background; a failure is silent, because the person can ask again."""
    global _last_mail  # noqa: PLW0603
    _last_mail = _outgoing.submit(message.send, fail_silently=True)


class SecondStep(DefaultMFAAdapter):  # type: ignore[misc]
    """Two-factor secrets lie sealed in the database, under a key made from the instance's secret."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "This code is not right, or no longer. Type the one that is shown now.",
    }

    def encrypt(self, text: str) -> str:
        return _seal().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _seal().decrypt(encrypted_text.encode()).decode()


def _seal() -> Fernet:
    key = hashlib.sha256(b"tocsin.web.two-factor\0" + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))
