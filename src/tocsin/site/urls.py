"""Every address that Django answers, in one place; the others are chosen in asgi.py."""

from __future__ import annotations

from tocsin.api.urls import contract
from tocsin.api.urls import urlpatterns as of_the_api
from tocsin.web.guard import Open, declare
from tocsin.web.urls import urlpatterns as of_the_pages

urlpatterns = [*declare(contract, Open.EVERYBODY), *declare(of_the_api, Open.OWN_KEY), *of_the_pages]

handler400 = "tocsin.web.errors.bad_request"
handler403 = "tocsin.web.errors.forbidden"
handler404 = "tocsin.web.errors.not_found"
handler500 = "tocsin.web.errors.broken"
