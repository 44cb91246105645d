"""Django's settings, from the configuration."""

from __future__ import annotations

import os
from pathlib import Path

from tocsin.site.config import database_settings, read_config

CONFIG = read_config(os.environ)
PACKAGE = Path(__file__).resolve().parent.parent

SECRET_KEY = CONFIG.secret_key
DEBUG = False
ALLOWED_HOSTS = ["*"] if not CONFIG.https else [CONFIG.host, "127.0.0.1", "localhost"]
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"  # of the pages; messages are in their reader's (people.rules.Language)
USE_I18N = True
LOCALE_PATHS = [PACKAGE / "locale"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": database_settings(CONFIG)}
LOGGING_CONFIG = None  # logs.py sets logs up, and nothing after it

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django_htmx",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "tocsin.journal",
    "tocsin.people",
    "tocsin.catalog",
    "tocsin.oncall",
    "tocsin.notification",
    "tocsin.incident",
    "tocsin.intake",
    "tocsin.escalation",
    "tocsin.telling",
    "tocsin.answering",
    "tocsin.hooks",
    "tocsin.web",
]
AUTH_USER_MODEL = "people.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ROOT_URLCONF = "tocsin.site.urls"
MIDDLEWARE = [
    "tocsin.web.headers.SecurityHeaders",  # outermost: no answer leaves without them
    "tocsin.site.clock.StampNow",
    "tocsin.web.errors.Explain",
    "django.middleware.gzip.GZipMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "tocsin.web.sessions.SessionLimits",
    "tocsin.web.guard.Guard",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # First of all, so that our pages stand before allauth's of the same name.
        "DIRS": [PACKAGE / "web" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "tocsin.web.layout.page",
            ],
        },
    },
]

# --- Sign-in: sessions, cookies, allauth, account mail (web/signin.py, web/sessions.py, web/accounts.py) ---
CSRF_FAILURE_VIEW = "tocsin.web.errors.csrf_failed"
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "account_login"
# "__Host-" binds a cookie to this host and path, and browsers take it over TLS only; plain http (a laptop,
# a test) therefore needs the plain name.
_COOKIE_PREFIX = "__Host-" if CONFIG.https else ""
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_NAME = f"{_COOKIE_PREFIX}session"
SESSION_COOKIE_AGE = 14 * 24 * 3600  # the absolute end; the idle end is kept by web.sessions
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CONFIG.https
CSRF_COOKIE_NAME = f"{_COOKIE_PREFIX}csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = CONFIG.https
CSRF_TRUSTED_ORIGINS = [CONFIG.url] if CONFIG.https else []
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
PASSWORD_RESET_TIMEOUT = 3600  # seconds a reset link lives
PUBLIC_URL = CONFIG.url  # links in mails are never made from a request's Host header

ACCOUNT_ADAPTER = "tocsin.web.accounts.Adapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]  # sign-up is closed
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"  # an administrator made the address; a one-time link proved the person
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # no mail to strangers
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False  # the session that changed it stays; all others end by their hash
# Django's own generator: allauth's would copy addresses into a table that then outlives a change of address.
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "django.contrib.auth.tokens.PasswordResetTokenGenerator"
# Kept per process, in memory. None of these touches act-links (/a/…), one-time links or an open session:
# whoever is paged can always acknowledge.
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",
    "login_failed": "10/m/ip,5/15m/key",
    "reset_password": "20/m/ip,5/h/key",
    "reauthenticate": "10/m/user",
    "change_password": "5/m/user",
}
MFA_ADAPTER = "tocsin.web.accounts.SecondStep"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Tocsin"
MFA_TOTP_TOLERANCE = 1  # one step of 30 s either way, for phones whose clock is a little off
USERSESSIONS_TRACK_ACTIVITY = False  # web.sessions notes it, at most every few minutes

# Without a mail server the pages say whom to ask instead; nothing is queued for later.
EMAIL_BACKEND = (
    "tocsin.web.account_mail.Backend" if CONFIG.smtp_url else "django.core.mail.backends.dummy.EmailBackend"
)
# --- end of sign-in ---
