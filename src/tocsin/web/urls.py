"""Every page's address. A room's pages keep their list beside their views; here they are put together."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from tocsin.web import (
    act,
    assets,
    calendar_in,
    config_urls,
    console,
    cover,
    coverage,
    fairness,
    first_steps,
    handover,
    incident_acts,
    incidents,
    layout,
    my_shifts,
    now,
    schedule_edit,
    schedules,
    shifts,
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("static/<str:hash>/<str:name>", assets.serve, name="asset"),
    path("theme", layout.choose_theme, name="theme"),
    path("", now.page, name="now"),
    path("test-alert", first_steps.send_test, name="test_alert"),
    path("test-alert/<slug:integration_id>/<str:key>", first_steps.sent, name="test_alert_sent"),
    path("incidents", incidents.index, name="incidents"),
    path("incidents/new", incident_acts.open_by_hand, name="open_incident"),
    path("incidents/<int:incident_id>", incidents.one, name="incident"),
    path("incidents/<int:incident_id>/acknowledge", incident_acts.acknowledge, name="acknowledge"),
    path("incidents/<int:incident_id>/resolve", incident_acts.resolve, name="resolve"),
    path("incidents/<int:incident_id>/reopen", incident_acts.reopen, name="reopen"),
    path("incidents/<int:incident_id>/close", incident_acts.close, name="close"),
    path("incidents/<int:incident_id>/escalate", incident_acts.escalate, name="escalate"),
    path("incidents/<int:incident_id>/assign", incident_acts.assign, name="assign"),
    path("incidents/<int:incident_id>/classify", incident_acts.classify, name="classify"),
    path("incidents/<int:incident_id>/note", incident_acts.note, name="note"),
    path("incidents/<int:incident_id>/rename", incident_acts.rename, name="rename"),
    path("alerts/<int:alert_id>", incidents.alert, name="alert"),
    path("console", console.page, name="console"),
    path("a/<str:token>", act.page, name="act"),
    *schedules.urlpatterns,
    *shifts.urlpatterns,
    *cover.urlpatterns,
    *my_shifts.urlpatterns,
    *schedule_edit.urlpatterns,
    *fairness.urlpatterns,
    *coverage.urlpatterns,
    *handover.urlpatterns,
    *calendar_in.urlpatterns,
    *config_urls.urlpatterns,
]
