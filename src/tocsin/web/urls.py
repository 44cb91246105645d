"""Every page's address. A room's pages keep their list beside their views; here they are put together."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from tocsin.web import assets, config_urls, layout

urlpatterns: list[URLPattern | URLResolver] = [
    path("static/<str:hash>/<str:name>", assets.serve, name="asset"),
    path("theme", layout.choose_theme, name="theme"),
    *config_urls.urlpatterns,
]
