"""Styles, scripts and icons from the package, under names that change with their content, compressed once."""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from tocsin.kernel.errors import not_found
from tocsin.web.guard import public

# What stands in another installed package is served from there, so that no third party's code lies in ours.
BORROWED = {"htmx.js": ("django_htmx", "static/django_htmx/htmx-4.min.js")}
TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "webmanifest": "application/manifest+json",
    "png": "image/png",
}
FOR_EVER = "public, max-age=31536000, immutable"
HASH_LENGTH = 12


@dataclass(frozen=True)
class Asset:
    body: bytes
    packed: bytes
    type: str
    hash: str


@cache
def load(name: str) -> Asset | None:
    """The asset `name`, read and compressed at the first call; None when there is none."""
    if name in BORROWED:
        package, path = BORROWED[name]
        source = files(package).joinpath(path)
    elif re.fullmatch(r"[a-z0-9-]+\.[a-z]+", name):
        source = files("tocsin.web").joinpath("static", name[:])  # [:] because paths take no SafeString
    else:
        return None
    kind = TYPES.get(name.rpartition(".")[2])
    if kind is None or not source.is_file():
        return None
    body = source.read_bytes()
    if name.endswith(".css"):
        body = smaller(body)
    return Asset(body, gzip.compress(body, 9, mtime=0), kind, hashlib.sha256(body).hexdigest()[:HASH_LENGTH])


def smaller(css: bytes) -> bytes:
    """The style sheet without its comments and indentation, which are for us and not for the phone."""
    text = re.sub(r"/\*.*?\*/", "", css.decode(), flags=re.DOTALL)
    return re.sub(r"\n\s*", "\n", text).strip().encode()


def address(name: str) -> str:
    """Where the asset `name` is served now. Raises Refused when there is none."""
    asset = load(name)
    if asset is None:
        raise not_found("asset", name)
    return f"/static/{asset.hash}/{name}"


@public
def serve(request: HttpRequest, hash: str, name: str) -> HttpResponse:
    """The file, kept by the browser for ever when the hash is its own, not at all when it is an old one."""
    asset = load(name)
    if asset is None:
        raise not_found("file", name)
    packed = "gzip" in request.headers.get("Accept-Encoding", "")
    response = HttpResponse(asset.packed if packed else asset.body, content_type=asset.type)
    if packed:
        response["Content-Encoding"] = "gzip"
    response["Cache-Control"] = FOR_EVER if hash == asset.hash else "no-cache"
    patch_vary_headers(response, ["Accept-Encoding"])
    return response
