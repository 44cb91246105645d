"""Ways in: password, second step, one-time link, reset by mail; and the way out."""

from __future__ import annotations

from typing import cast

from allauth.account import views as account
from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.models import Login
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, re_path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from tocsin.kernel.errors import Refused
from tocsin.people.actions import find_sign_in_link, use_sign_in_link
from tocsin.people.rules import May
from tocsin.web.accounts import mail_is_set_up, safe_next
from tocsin.web.forms import instant
from tocsin.web.guard import needs, public


@public
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def one_time_link(request: HttpRequest, token: str) -> HttpResponse:
    """Show a button; only pressing it signs in, so that mail scanners and previews use nothing up."""
    if request.method == "POST":
        try:
            user = use_sign_in_link(token, instant(request))
        except Refused as refused:
            return _link_is_gone(request, refused)
        record_authentication(request, user, method="link")
        # perform_login, not login: who has a second step takes it after a link as well.
        onward = safe_next(request.POST.get("next"))
        return cast(HttpResponse, perform_login(request, Login(user=user, redirect_url=onward)))
    try:
        link = find_sign_in_link(token, instant(request))
    except Refused as refused:
        return _link_is_gone(request, refused)
    return render(
        request, "account/link.html", {"person": link.user, "next": safe_next(request.GET.get("next"))}
    )


def _link_is_gone(request: HttpRequest, refused: Refused) -> HttpResponse:
    return render(request, "account/link_gone.html", {"refused": refused}, status=refused.status)


@public
@never_cache
def password_reset(request: HttpRequest) -> HttpResponse:
    """Ask for a link by mail; where no mail server is set, say who can help instead."""
    if not mail_is_set_up():
        return render(request, "account/password_reset_no_mail.html")
    return cast(HttpResponse, account.password_reset(request))


own = needs(May.OWN_PROFILE)
# Only what is used is mounted; each with its permission.
urlpatterns = [
    path("sign-in", public(account.login), name="account_login"),
    path("sign-in/link/<str:token>", one_time_link, name="sign_in_link"),
    path("sign-in/code", public(mfa.authenticate), name="mfa_authenticate"),
    path("sign-in/inactive", public(account.account_inactive), name="account_inactive"),
    path("sign-in/again", own(account.reauthenticate), name="account_reauthenticate"),
    path("sign-in/again/code", own(mfa.reauthenticate), name="mfa_reauthenticate"),
    path("sign-in/reset", password_reset, name="account_reset_password"),
    path("sign-in/reset/sent", public(account.password_reset_done), name="account_reset_password_done"),
    path(
        "sign-in/reset/done",
        public(account.password_reset_from_key_done),
        name="account_reset_password_from_key_done",
    ),
    # A person's id may hold dashes; the key after it is always two words with one dash between them.
    re_path(
        r"^sign-in/reset/(?P<uidb36>[a-z0-9-]{1,64})-(?P<key>[a-z0-9]+-[a-z0-9]+)$",
        public(account.password_reset_from_key),
        name="account_reset_password_from_key",
    ),
    path("sign-out", public(account.logout), name="account_logout"),
    path("me/password", own(account.password_change), name="account_change_password"),
    path("me/password/first", own(account.password_set), name="account_set_password"),
    path("me/two-factor", own(mfa.index), name="mfa_index"),
    path("me/two-factor/on", own(totp.activate_totp), name="mfa_activate_totp"),
    path("me/two-factor/off", own(totp.deactivate_totp), name="mfa_deactivate_totp"),
    path("me/two-factor/codes", own(codes.view_recovery_codes), name="mfa_view_recovery_codes"),
    path("me/two-factor/codes/new", own(codes.generate_recovery_codes), name="mfa_generate_recovery_codes"),
    path("me/two-factor/codes/file", own(codes.download_recovery_codes), name="mfa_download_recovery_codes"),
]
