"""The addresses of sign-in and of the pages of the day: services, policies, people, teams, settings, mine."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver

from tocsin.web import (
    feeds,
    hooks,
    integrations,
    people,
    policies,
    profile,
    proving,
    self_test,
    services,
    settings,
    signin,
    signing,
    teams,
)

urlpatterns: list[URLPattern | URLResolver] = [
    *signin.urlpatterns,
    *services.urlpatterns,
    *integrations.urlpatterns,
    *policies.urlpatterns,
    *people.urlpatterns,
    *teams.urlpatterns,
    *profile.urlpatterns,
    *proving.urlpatterns,
    *self_test.urlpatterns,
    *signing.urlpatterns,
    *feeds.urlpatterns,
    *hooks.urlpatterns,
    *settings.urlpatterns,
]
