"""EventBridge: API destinations and connections.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateApiDestination.html,
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateConnection.html
"""

from __future__ import annotations

from typing import Any

import msgspec

from dayfly.api import Params
from dayfly.buses.destinations import Connection, Destination, Destinations, connection_arn, destination_arn
from dayfly.identity import Caller, Scope
from dayfly.store import Changes

_SECRET = frozenset({"ApiKeyValue", "Password", "ClientSecret"})


class EventDestinations:
    _destinations: Destinations

    async def _commit(self, changes: Changes) -> None:
        raise NotImplementedError

    # Connections

    async def create_connection(self, caller: Caller, params: Params) -> Params:
        connection = Connection(
            name=params["Name"],
            id="",
            kind=params["AuthorizationType"],
            auth=params["AuthParameters"],
            description=params.get("Description") or "",
        )
        made, changes = self._destinations.create_connection(caller.scope, connection)
        await self._commit(changes)
        return _brief(caller.scope, made)

    async def update_connection(self, caller: Caller, params: Params) -> Params:
        before = self._destinations.connection(caller.scope, params["Name"])
        changed = msgspec.structs.replace(
            before,
            kind=params.get("AuthorizationType", before.kind),
            auth=params.get("AuthParameters", before.auth),
            description=params.get("Description", before.description),
        )
        kept, changes = self._destinations.put_connection(caller.scope, changed)
        await self._commit(changes)
        return _brief(caller.scope, kept)

    async def describe_connection(self, caller: Caller, params: Params) -> Params:
        found = self._destinations.connection(caller.scope, params["Name"])
        await self._commit(())
        return {
            **_brief(caller.scope, found),
            "Name": found.name,
            "Description": found.description,
            "AuthorizationType": found.kind,
            "AuthParameters": _without_secrets(found.auth),
            "SecretArn": caller.scope.arn("secretsmanager", f"secret:events!connection/{found.name}/{found.id}"),
        }

    async def list_connections(self, caller: Caller, params: Params) -> Params:
        found = self._destinations.connections(caller.scope)
        await self._commit(())
        prefix = params.get("NamePrefix") or ""
        return {
            "Connections": [
                {**_brief(caller.scope, one), "Name": one.name, "AuthorizationType": one.kind}
                for one in found
                if one.name.startswith(prefix)
            ]
        }

    async def delete_connection(self, caller: Caller, params: Params) -> Params:
        gone, changes = self._destinations.delete_connection(caller.scope, params["Name"])
        await self._commit(changes)
        return {**_brief(caller.scope, gone), "ConnectionState": "DELETING"}

    # API destinations

    async def create_api_destination(self, caller: Caller, params: Params) -> Params:
        destination = Destination(
            name=params["Name"],
            id="",
            connection_arn=params["ConnectionArn"],
            endpoint=params["InvocationEndpoint"],
            method=params["HttpMethod"],
            rate=params.get("InvocationRateLimitPerSecond"),
            description=params.get("Description") or "",
        )
        made, changes = self._destinations.create_destination(caller.scope, destination)
        await self._commit(changes)
        return _short(caller.scope, made)

    async def update_api_destination(self, caller: Caller, params: Params) -> Params:
        before = self._destinations.destination(caller.scope, params["Name"])
        changed = msgspec.structs.replace(
            before,
            connection_arn=params.get("ConnectionArn", before.connection_arn),
            endpoint=params.get("InvocationEndpoint", before.endpoint),
            method=params.get("HttpMethod", before.method),
            rate=params.get("InvocationRateLimitPerSecond", before.rate),
            description=params.get("Description", before.description),
        )
        kept, changes = self._destinations.put_destination(caller.scope, changed)
        await self._commit(changes)
        return _short(caller.scope, kept)

    async def describe_api_destination(self, caller: Caller, params: Params) -> Params:
        found = self._destinations.destination(caller.scope, params["Name"])
        await self._commit(())
        return {**_long(caller.scope, found), "Description": found.description}

    async def list_api_destinations(self, caller: Caller, params: Params) -> Params:
        found = self._destinations.destinations(caller.scope)
        await self._commit(())
        prefix, over = params.get("NamePrefix") or "", params.get("ConnectionArn")
        wanted = [one for one in found if one.name.startswith(prefix) and over in (None, one.connection_arn)]
        return {"ApiDestinations": [_long(caller.scope, one) for one in wanted]}

    async def delete_api_destination(self, caller: Caller, params: Params) -> Params:
        await self._commit(self._destinations.delete_destination(caller.scope, params["Name"]))
        return {}


def _brief(scope: Scope, one: Connection) -> Params:
    return {
        "ConnectionArn": connection_arn(scope, one),
        "ConnectionState": "AUTHORIZED",
        "CreationTime": one.created_ms / 1000,
        "LastModifiedTime": one.modified_ms / 1000,
        "LastAuthorizedTime": one.modified_ms / 1000,
    }


def _short(scope: Scope, one: Destination) -> Params:
    return {
        "ApiDestinationArn": destination_arn(scope, one),
        "ApiDestinationState": "ACTIVE",
        "CreationTime": one.created_ms / 1000,
        "LastModifiedTime": one.modified_ms / 1000,
    }


def _long(scope: Scope, one: Destination) -> Params:
    shown = {
        **_short(scope, one),
        "Name": one.name,
        "ConnectionArn": one.connection_arn,
        "InvocationEndpoint": one.endpoint,
        "HttpMethod": one.method,
    }
    return shown if one.rate is None else {**shown, "InvocationRateLimitPerSecond": one.rate}


def _without_secrets(value: Any) -> Any:
    """Secrets are never shown again, as on AWS."""
    if isinstance(value, list):
        return [_without_secrets(one) for one in value]
    if not isinstance(value, dict):
        return value
    hidden = {"Value"} if value.get("IsValueSecret") else _SECRET
    return {key: _without_secrets(inner) for key, inner in value.items() if key not in hidden}
