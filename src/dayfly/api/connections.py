"""The @connections API: messages from the platform's side to WebSocket clients.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from dayfly.api import Fault, Params
from dayfly.errors import Error
from dayfly.gateways.gateway import Gateways
from dayfly.gateways.sockets import Connected, Gone, PayloadTooLarge
from dayfly.identity import Caller


class Connections:
    service: ClassVar[str] = "apigatewaymanagementapi"
    FAULTS: ClassVar[Mapping[type[Error], Fault]] = {
        Gone: Fault("GoneException", 410),
        PayloadTooLarge: Fault("PayloadTooLargeException", 413),
    }

    def __init__(self, gateways: Gateways) -> None:
        self._gateways = gateways

    def _find(self, caller: Caller, connection_id: str) -> Connected:
        connected = self._gateways.sockets.find(connection_id)
        if connected.api.account != caller.scope.account:
            raise Gone  # another account's connection is none of this caller's business
        return connected

    async def post_to_connection(self, caller: Caller, params: Params) -> Params:
        connected = self._find(caller, params["ConnectionId"])
        data = params.get("Data") or b""
        self._gateways.sockets.post(connected.id, data.encode() if isinstance(data, str) else bytes(data))
        return {}

    async def get_connection(self, caller: Caller, params: Params) -> Params:
        connected = self._find(caller, params["ConnectionId"])
        return {
            "ConnectedAt": connected.connected_ms / 1000,
            "Identity": {"SourceIp": connected.peer, "UserAgent": connected.user_agent or ""},
            "LastActiveAt": connected.active_ms / 1000,
        }

    async def delete_connection(self, caller: Caller, params: Params) -> Params:
        self._gateways.sockets.delete(self._find(caller, params["ConnectionId"]).id)
        return {}
