"""Every address, in one place."""

from __future__ import annotations

urlpatterns: list[object] = []
