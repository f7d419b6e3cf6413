"""What a function returned as an HTTP answer.

Format 2.0 infers: without a `statusCode` the whole result is a 200 with a JSON body. Format 1.0 is strict: anything but
the documented members makes the gateway answer 502 (REST) or 500 (HTTP API).
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import Any

import msgspec

from dayfly.errors import NOT_JSON, Error
from dayfly.gateways.traffic import JSON, Headers, Reply

_decode = msgspec.json.Decoder().decode
# These are the gateway's own business; AWS renames what a function sets to x-amzn-remapped-….
_REMAPPED = frozenset({"connection", "content-length", "date", "server", "transfer-encoding", "www-authenticate"})
_REST_MEMBERS = frozenset({"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded", "cookies"})


class Malformed(Error):
    """The function's result is not what a proxy integration takes."""


def reply_v2(payload: bytes) -> Reply:
    """Raises Malformed."""
    try:
        result = _decode(payload or b"null")
    except NOT_JSON as error:
        raise Malformed(f"the function's result is not JSON: {error}") from error
    if not isinstance(result, dict) or "statusCode" not in result:
        return Reply(200, [JSON], b"" if result is None else payload)
    headers = _single(result.get("headers"), typed=("content-type", "application/json"))
    if "multiValueHeaders" in result:
        headers.extend(_multiple(result["multiValueHeaders"]))
    cookies = result.get("cookies")
    if cookies is not None:
        if not isinstance(cookies, list):
            raise Malformed("cookies is not a list")
        headers.extend(("set-cookie", text(cookie)) for cookie in cookies)
    return Reply(_status(result["statusCode"]), headers, _body(result))


def reply_v1(payload: bytes, *, http_api: bool = False) -> Reply:
    """Raises Malformed."""
    try:
        result = _decode(payload or b"null")
    except NOT_JSON as error:
        raise Malformed(f"the function's result is not JSON: {error}") from error
    if not isinstance(result, dict):
        raise Malformed("the function's result is not an object")
    if not http_api:
        unknown = result.keys() - _REST_MEMBERS
        if unknown:
            raise Malformed(f"the function's result has members a REST API does not know: {sorted(unknown)}")
    elif "statusCode" not in result:
        raise Malformed("the function's result has no statusCode")
    headers = _single(result.get("headers"))
    multiple = _multiple(result.get("multiValueHeaders"))
    # A name in both maps is sent once for each distinct value of the two.
    seen = {(name.lower(), value) for name, value in multiple}
    headers = [pair for pair in headers if (pair[0].lower(), pair[1]) not in seen] + multiple
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "text/plain; charset=utf-8" if http_api else "application/json"))
    return Reply(_status(result.get("statusCode", 200)), headers, _body(result))


def text(value: Any) -> str:
    """A header value of any JSON type in the words AWS gives it."""
    if isinstance(value, str):
        return value
    if value is True or value is False:
        return "true" if value else "false"
    return "" if value is None else msgspec.json.encode(value).decode()


def _named(name: str) -> str:
    return f"x-amzn-remapped-{name}" if name.lower() in _REMAPPED else name


def _single(headers: Any, *, typed: tuple[str, str] | None = None) -> Headers:
    """Headers with one value each; with `typed` where none of them is a content type."""
    if headers is None:
        return [] if typed is None else [typed]
    if not isinstance(headers, dict):
        raise Malformed("headers is not an object")
    found = []
    for name, value in headers.items():
        if value is None:
            continue
        lower = name.lower()
        if lower == "content-type":
            typed = None
        elif lower in _REMAPPED:
            name = f"x-amzn-remapped-{name}"  # noqa: PLW2901
        found.append((name, value if isinstance(value, str) else text(value)))
    if typed is not None:
        found.append(typed)
    return found


def _multiple(headers: Any) -> Headers:
    if headers is None:
        return []
    if not isinstance(headers, dict) or not all(isinstance(values, list) for values in headers.values()):
        raise Malformed("multiValueHeaders is not an object of lists")
    return [(_named(name), text(value)) for name, values in headers.items() for value in values]


def _status(value: Any) -> int:
    if isinstance(value, bool):
        raise Malformed("statusCode is not a number")
    try:
        status = int(value)
    except (TypeError, ValueError) as error:
        raise Malformed(f"statusCode {value!r} is not a number") from error
    if not 100 <= status <= 999:
        raise Malformed(f"statusCode {status} is not an HTTP status")
    return status


def _body(result: dict[str, Any]) -> bytes:
    body = result.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        # AWS takes numbers and booleans as their text, and refuses objects.
        if isinstance(body, dict | list):
            raise Malformed("body is not a string")
        body = text(body)
    if result.get("isBase64Encoded") in (True, "true"):
        try:
            return b64decode(body)
        except (binascii.Error, ValueError) as error:
            raise Malformed("body is not base64") from error
    return str(body).encode()
