"""Mapping templates of REST and WebSocket APIs: what `$input`, `$util`, `$context` and `$stageVariables` are in them.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote_plus, unquote_plus

import msgspec

from dayfly.errors import NOT_JSON
from dayfly.gateways.java import Offered, shown
from dayfly.gateways.jsonpath import find
from dayfly.gateways.mapping import context_of
from dayfly.gateways.moment import Moment
from dayfly.gateways.velocity import Template

_ESCAPES = {
    "\\": "\\\\",
    '"': '\\"',
    "'": "\\'",
    "/": "\\/",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\b": "\\b",
    "\f": "\\f",
}
_PARTS = ("path", "querystring", "header")


@lru_cache(maxsize=512)
def compiled(text: str) -> Template:
    """Raises velocity.BadTemplate, Unsupported."""
    return Template(text)


class Rendered(msgspec.Struct, frozen=True):
    """A template's text, and what it overrides: `status`, `header`, `path`, `querystring`."""

    text: str
    override: dict[str, Any]


class Values:
    """What the templates of one request share: its parameters, its context."""

    def __init__(self, moment: Moment, *, body: bytes | None = None, context: Mapping[str, Any] | None = None) -> None:
        """`body` and `context` are given for a message of a WebSocket, whose request was the one that opened it."""
        request = moment.request
        self.moment = moment
        self.body = request.body if body is None else body
        self.context: dict[str, Any] = {**rest_context(moment), **(context or {})}
        self.given: dict[str, dict[str, str]] = {
            "path": dict(moment.parameters),
            "querystring": dict(request.query),
            "header": dict(request.headers),
        }

    def render(self, text: str, body: bytes, override: str) -> Rendered:
        """`override` names the object of the context that the template may set. Raises BadTemplate, Unsupported."""
        overriding: dict[str, Any] = {name: {} for name in _PARTS}
        names = {
            "input": Input(body, self.given),
            "util": UTIL,
            "context": {**self.context, override: overriding},
            "stageVariables": dict(self.moment.stage.variables),
        }
        return Rendered(compiled(text).render(names), overriding)


def rest_context(moment: Moment) -> dict[str, Any]:
    context = context_of(moment)
    authorizer = dict(moment.authorizer or {})
    return {
        **context,
        "authorizer": authorizer,
        "identity": {**context["identity"], "apiKey": moment.request.header("x-api-key")},
        "resourcePath": moment.route_key,
        "domainPrefix": moment.host.partition(".")[0],
        "resourceId": "",
        "connectionId": "",
        "eventType": "",
    }


class Input(Offered):
    """`$input`"""

    def __init__(self, body: bytes, given: Mapping[str, dict[str, str]]) -> None:
        self._body = body
        self._given = given
        self._document: Any = msgspec.UNSET
        self.methods = {"json": self._json, "path": self._path, "params": self._params}
        self.fields = {"body": body.decode("utf-8", "replace")}

    def _decoded(self) -> Any:
        if self._document is msgspec.UNSET:
            try:
                self._document = msgspec.json.decode(self._body) if self._body.strip() else {}
            except NOT_JSON:
                self._document = self._body.decode("utf-8", "replace")
        return self._document

    def _json(self, path: str) -> str:
        found = find(self._decoded(), path)
        return '""' if found is None else msgspec.json.encode(found).decode()

    def _path(self, path: str) -> Any:
        return find(self._decoded(), path)

    def _params(self, name: str | None = None) -> Any:
        if name is None:
            return {part: dict(held) for part, held in self._given.items()}
        if name in self._given:
            return dict(self._given[name])
        for part in _PARTS:
            if name in self._given[part]:
                return self._given[part][name]
        lowered = {key.lower(): value for key, value in self._given["header"].items()}
        return lowered.get(name.lower(), "")


class _Util(Offered):
    """`$util`"""


def _escaped(text: Any) -> str:
    return "".join(
        _ESCAPES.get(char) or (char if 31 < ord(char) < 127 else "".join(f"\\u{unit:04X}" for unit in _utf16(char)))
        for char in shown(text)
    )


def _utf16(char: str) -> tuple[int, ...]:
    raw = char.encode("utf-16-be")
    return tuple(int.from_bytes(raw[at : at + 2], "big") for at in range(0, len(raw), 2))


def _parse(text: Any) -> Any:
    try:
        return msgspec.json.decode(shown(text))
    except NOT_JSON:
        return None


def _from_base64(text: Any) -> str:
    try:
        return base64.b64decode(shown(text)).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""


UTIL = _Util()
UTIL.methods = {
    "escapeJavaScript": _escaped,
    "urlEncode": lambda text: quote_plus(shown(text), safe="*-._"),
    "urlDecode": lambda text: unquote_plus(shown(text)),
    "base64Encode": lambda text: base64.b64encode(shown(text).encode()).decode(),
    "base64Decode": _from_base64,
    "parseJson": _parse,
    "toJson": lambda value: msgspec.json.encode(value).decode(),
}
