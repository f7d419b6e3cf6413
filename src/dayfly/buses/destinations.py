"""API destinations: HTTP endpoints as targets, and the connections that hold what they are called with.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html,
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-target-connection-auth.html
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

import msgspec

from dayfly.buses.errors import AlreadyExists, Invalid, NotFound
from dayfly.clock import Clock
from dayfly.errors import NOT_JSON, Unavailable
from dayfly.gateways.outgoing import BackendFailed, fetch
from dayfly.identity import Scope
from dayfly.ids import Ids
from dayfly.store import Changes, Journal
from dayfly.targets import Delivery

CONNECTION, DESTINATION = "events/connection/", "events/destination/"
_LIMIT_S = 5
"""https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html: an endpoint must answer within."""
_RETRIED = frozenset({401, 407, 409, 429})
"""And all from 500 on; others are final."""
_replace = msgspec.structs.replace


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """Credentials for HTTP endpoints. `auth` is AuthParameters as given."""

    name: str
    id: str
    kind: str
    """API_KEY, BASIC or OAUTH_CLIENT_CREDENTIALS."""
    auth: dict[str, Any] = {}
    description: str = ""
    created_ms: int = 0
    modified_ms: int = 0


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP endpoint; `*` in its URL stands for a value that the target gives."""

    name: str
    id: str
    connection_arn: str
    endpoint: str
    method: str
    rate: int | None = None
    description: str = ""
    created_ms: int = 0
    modified_ms: int = 0


def connection_arn(scope: Scope, connection: Connection) -> str:
    return scope.arn("events", f"connection/{connection.name}/{connection.id}")


def destination_arn(scope: Scope, destination: Destination) -> str:
    return scope.arn("events", f"api-destination/{destination.name}/{destination.id}")


class Destinations:
    """The connections and destinations of a platform, as transitions that answer the changes to commit."""

    def __init__(self, *, journal: Journal, clock: Clock, ids: Ids) -> None:
        self._journal = journal
        self._clock = clock
        self._ids = ids
        self._connections: dict[tuple[Scope, str], Connection] = {}
        self._destinations: dict[tuple[Scope, str], Destination] = {}

    def load(self) -> None:
        self._connections = _read(self._journal, CONNECTION, Connection)
        self._destinations = _read(self._journal, DESTINATION, Destination)

    # Connections

    def connection(self, scope: Scope, name: str) -> Connection:
        """By name or ARN. Raises NotFound."""
        plain = _name(name, "connection/")
        found = self._connections.get((scope, plain))
        if found is None:
            raise NotFound(f"Failed to describe the connection(s). Connection '{plain}' does not exist.")
        return found

    def connections(self, scope: Scope) -> list[Connection]:
        return [one for (where, _), one in sorted(self._connections.items(), key=_by_name) if where == scope]

    def create_connection(self, scope: Scope, connection: Connection) -> tuple[Connection, Changes]:
        """Raises AlreadyExists."""
        if (scope, connection.name) in self._connections:
            raise AlreadyExists(f"Connection {connection.name} already exists.")
        made = _replace(connection, id=self._ids.uuid(), created_ms=self._clock.now_ms())
        return self.put_connection(scope, made)

    def put_connection(self, scope: Scope, connection: Connection) -> tuple[Connection, Changes]:
        kept = _replace(connection, modified_ms=self._clock.now_ms())
        self._connections[scope, kept.name] = kept
        return kept, [(_key(CONNECTION, scope, kept.name), msgspec.msgpack.encode(kept))]

    def delete_connection(self, scope: Scope, name: str) -> tuple[Connection, Changes]:
        """Raises NotFound."""
        gone = self.connection(scope, name)
        del self._connections[scope, gone.name]
        return gone, [(_key(CONNECTION, scope, gone.name), None)]

    # Destinations

    def destination(self, scope: Scope, name: str) -> Destination:
        """By name or ARN. Raises NotFound."""
        plain = _name(name, "api-destination/")
        found = self._destinations.get((scope, plain))
        if found is None:
            raise NotFound(f"Failed to describe the api-destination(s). ApiDestination '{plain}' does not exist.")
        return found

    def destinations(self, scope: Scope) -> list[Destination]:
        return [one for (where, _), one in sorted(self._destinations.items(), key=_by_name) if where == scope]

    def create_destination(self, scope: Scope, destination: Destination) -> tuple[Destination, Changes]:
        """Raises AlreadyExists, NotFound (the connection), Invalid."""
        if (scope, destination.name) in self._destinations:
            raise AlreadyExists(f"ApiDestination {destination.name} already exists.")
        made = _replace(destination, id=self._ids.uuid(), created_ms=self._clock.now_ms())
        return self.put_destination(scope, made)

    def put_destination(self, scope: Scope, destination: Destination) -> tuple[Destination, Changes]:
        """Raises NotFound (the connection), Invalid."""
        self.connection(scope, destination.connection_arn)
        if urlsplit(destination.endpoint).scheme not in ("http", "https"):
            raise Invalid(f"Parameter InvocationEndpoint is not valid: {destination.endpoint}")
        kept = _replace(destination, modified_ms=self._clock.now_ms())
        self._destinations[scope, kept.name] = kept
        return kept, [(_key(DESTINATION, scope, kept.name), msgspec.msgpack.encode(kept))]

    def delete_destination(self, scope: Scope, name: str) -> Changes:
        """Raises NotFound."""
        gone = self.destination(scope, name)
        del self._destinations[scope, gone.name]
        return [(_key(DESTINATION, scope, gone.name), None)]

    # Calls

    async def post(self, scope: Scope, delivery: Delivery) -> bytes:
        """Call the endpoint that a delivery is for; its answer. Raises NotFound, Unavailable (try again), Invalid."""
        destination = self.destination(scope, delivery.arn)
        connection = self.connection(scope, destination.connection_arn)
        extra = connection.auth.get("InvocationHttpParameters") or {}
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Amazon/EventBridge/ApiDestinations",
            **delivery.headers,
            **_pairs(extra.get("HeaderParameters")),
            **await self._credentials(connection),
        }
        url = _url(
            destination.endpoint, delivery.path_values, delivery.query | _pairs(extra.get("QueryStringParameters"))
        )
        body = _with_members(delivery.payload, _pairs(extra.get("BodyParameters")))
        return await _asked(destination.method, url, headers, b"" if destination.method == "GET" else body)

    async def _credentials(self, connection: Connection) -> dict[str, str]:
        match connection.kind:
            case "API_KEY":
                key = connection.auth.get("ApiKeyAuthParameters") or {}
                return {str(key.get("ApiKeyName")): str(key.get("ApiKeyValue"))}
            case "BASIC":
                user = connection.auth.get("BasicAuthParameters") or {}
                text = f"{user.get('Username')}:{user.get('Password')}"
                return {"Authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}
            case "OAUTH_CLIENT_CREDENTIALS":
                return {"Authorization": f"Bearer {await self._token(connection.auth.get('OAuthParameters') or {})}"}
        return {}

    async def _token(self, given: Mapping[str, Any]) -> str:
        """A new one for each call: an endpoint for tests may forget them whenever it likes."""
        client, extra = given.get("ClientParameters") or {}, given.get("OAuthHttpParameters") or {}
        form = {
            "grant_type": "client_credentials",
            "client_id": str(client.get("ClientID")),
            "client_secret": str(client.get("ClientSecret")),
            **_pairs(extra.get("BodyParameters")),
        }
        url = _url(str(given.get("AuthorizationEndpoint")), (), _pairs(extra.get("QueryStringParameters")))
        headers = {"Content-Type": "application/x-www-form-urlencoded", **_pairs(extra.get("HeaderParameters"))}
        answer = await _asked(str(given.get("HttpMethod") or "POST"), url, headers, urlencode(form).encode())
        try:
            return str(msgspec.json.decode(answer)["access_token"])
        except (*NOT_JSON, KeyError, TypeError) as error:
            raise Invalid(f"{url} answered without an access_token") from error


async def _asked(method: str, url: str, headers: Mapping[str, str], body: bytes) -> bytes:
    try:
        async with asyncio.timeout(_LIMIT_S):
            reply = await fetch(method, url, list(headers.items()), body)
    except (BackendFailed, TimeoutError) as error:
        raise Unavailable(f"{url} did not answer: {error or 'too slow'}") from error
    if reply.status >= 500 or reply.status in _RETRIED:
        raise Unavailable(f"{url} answered {reply.status}")
    if reply.status >= 400:
        raise Invalid(f"{url} answered {reply.status}")
    return reply.body if isinstance(reply.body, bytes) else b""


def _url(endpoint: str, path_values: Sequence[str], query: Mapping[str, str]) -> str:
    for value in path_values:
        endpoint = endpoint.replace("*", quote(value, safe=""), 1)
    parts = urlsplit(endpoint)
    added = urlencode(query)
    return urlunsplit(parts._replace(query="&".join(part for part in (parts.query, added) if part)))


def _with_members(payload: bytes, members: Mapping[str, str]) -> bytes:
    """A body that is a JSON object gets the connection's members, too."""
    if not members:
        return payload
    try:
        body = msgspec.json.decode(payload)
    except NOT_JSON:
        return payload
    return msgspec.json.encode({**body, **members}) if isinstance(body, dict) else payload


def _pairs(given: Iterable[Mapping[str, Any]] | None) -> dict[str, str]:
    return {str(one.get("Key")): str(one.get("Value")) for one in given or ()}


def _name(text: str, kind: str) -> str:
    """A name from itself or from an ARN (`…:connection/<name>/<id>`)."""
    return text.partition(f":{kind}")[2].split("/")[0] if f":{kind}" in text else text


def _read(journal: Journal, prefix: str, kind: type[Any]) -> dict[tuple[Scope, str], Any]:
    found = {}
    for key, value in journal.load(prefix):
        account, region, name = key[len(prefix) :].split("/", 2)
        found[Scope(account, region), name] = msgspec.msgpack.decode(value, type=kind)
    return found


def _key(prefix: str, scope: Scope, name: str) -> str:
    return f"{prefix}{scope.account}/{scope.region}/{name}"


def _by_name(item: tuple[tuple[Scope, str], Any]) -> str:
    return item[0][1]
