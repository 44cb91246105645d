"""What is done to every body before anybody reads it: unpacked, checked to be UTF-8, cleaned. Pure."""

from __future__ import annotations

import re
import zlib

from tocsin.intake.hot_request import Request
from tocsin.intake.rules import BODY_BYTES_MAX
from tocsin.kernel.errors import Refused

_BOM = b"\xef\xbb\xbf"
_GZIP = 16 + zlib.MAX_WBITS  # tells zlib to expect gzip's header
# Within a piece that holds no escaped backslash, \uXXXX is an escape. NULs and half surrogate pairs are replaced:
# databases and encoders refuse them, and the alert that carries them must still page.
_UNWANTED = re.compile(
    rb"\\u0000"
    rb"|\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)


def check_type(request: Request, forms: bool) -> None:
    """Refuse a body that does not call itself JSON. `curl --data` calls everything a form: where `forms`, that is
    taken for JSON as well. A body without a type is taken for JSON."""
    given = request.headers.get(b"content-type")
    if not given or given == b"application/json":
        return
    kind, _, rest = request.header(b"content-type").lower().partition(";")
    kind = kind.strip()
    known = kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
    if not known and not (forms and kind == "application/x-www-form-urlencoded"):
        raise Refused(
            f"The content type {kind[:60]!r} is not read here", "application/json",
            "Add the header Content-Type: application/json.", "Content-Type", 415,
        )  # fmt: skip
    charset = re.search(r"charset\s*=\s*\"?([^\s;\"]+)", rest)
    if charset and charset[1] not in ("utf-8", "utf8", "us-ascii"):
        raise Refused(
            f"The charset {charset[1][:40]!r} is not read here", "utf-8", where="Content-Type", status=415
        )


def unpacked(request: Request) -> bytes:
    """The body as it was before gzip; other encodings, and several at once, are refused."""
    if b"content-encoding" not in request.headers:
        return request.body
    encoding = request.header(b"content-encoding").lower()
    if encoding in ("", "identity"):
        return request.body
    if encoding != "gzip":
        raise Refused(
            f"The content encoding {encoding[:40]!r} is not read here", "gzip or none", where="Content-Encoding",
            status=415,
        )  # fmt: skip
    unpacker = zlib.decompressobj(_GZIP)
    try:
        body = unpacker.decompress(request.body, BODY_BYTES_MAX + 1)
    except zlib.error:
        raise Refused("The body is not gzip", "what Content-Encoding says", where="body") from None
    if len(body) > BODY_BYTES_MAX:
        raise too_large()
    if not unpacker.eof or unpacker.unused_data:
        raise Refused(
            "The gzip data is cut short or goes on after its end", "one whole gzip stream", where="body"
        )
    return body


def too_large() -> Refused:
    return Refused(
        "The body is too large",
        f"at most {BODY_BYTES_MAX // 1024} KB",
        "Send the events in parts.",
        "body",
        413,
    )


def clean(body: bytes) -> bytes:
    """`body` without a byte-order mark, NULs and half surrogate pairs. Raises Refused when it is not UTF-8."""
    if body.startswith(_BOM):
        body = body[len(_BOM) :]
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise Refused(f"Byte {error.start} is not UTF-8", "JSON in UTF-8", where="body") from None
    if b"\\u" in body:
        body = b"\\\\".join(_UNWANTED.sub(rb"\\ufffd", piece) for piece in body.split(b"\\\\"))
    return body
