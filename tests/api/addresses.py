"""The API's addresses alone, and the one of the site that it leads to."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path

from tocsin.api.urls import urlpatterns as api
from tocsin.web.guard import Open, declare, public


@public
def link(request: HttpRequest, token: str) -> HttpResponse:
    return HttpResponse("a sign-in link")


urlpatterns = [*declare(api, Open.OWN_KEY), path("sign-in/link/<str:token>", link, name="sign_in_link")]
