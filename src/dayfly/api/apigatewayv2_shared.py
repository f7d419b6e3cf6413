"""What the operations of HTTP and WebSocket APIs share: finding, changing and storing parts of an API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from msgspec.structs import replace

from dayfly.api import Params
from dayfly.gateways.gateway import Gateways
from dayfly.gateways.model import Api, Integration, Invalid, PartNotFound, Route, Stage
from dayfly.identity import Caller

T = TypeVar("T", Route, Integration)


class Shared:
    """The parts of one API."""

    def __init__(self, gateways: Gateways) -> None:
        self._gateways = gateways

    def _api(self, caller: Caller, params: Params) -> Api:
        return self._gateways.of(caller.scope, params["ApiId"], rest=False)

    def _id(self) -> str:
        return self._gateways.ids.token(7)

    def _now_s(self) -> float:
        return self._gateways.clock.now_ms() / 1000

    async def _put(self, api: Api) -> Api:
        await self._gateways.commit(self._gateways.put(api))
        return api

    async def _surface(self, api: Api, **changed: Any) -> None:
        await self._put(replace(api, surface=replace(api.surface, **changed)))

    async def _seen(self) -> None:
        """What an answer shows is durable first."""
        await self._gateways.commit(())

    def _part(self, table: Mapping[str, T], part_id: str, kind: str) -> T:
        found = table.get(part_id)
        if found is None:
            raise PartNotFound(f"Invalid {kind} identifier specified {part_id}")
        return found

    def _found_stage(self, api: Api, params: Params) -> Stage:
        found = api.stages.get(params["StageName"])
        if found is None:
            raise PartNotFound("Invalid stage identifier specified")
        return found

    def _check_route_key(self, api: Api, key: str) -> None:
        method, _, path = key.partition(" ")
        if api.kind == "http" and key != "$default" and not (method.isalpha() and path.startswith("/")):
            raise Invalid(
                "The provided route key is not formatted properly for HTTP protocol. Format should be "
                '"<HTTP METHOD> /<RESOURCE PATH>" or "$default"'
            )


def without(table: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in table.items() if name != key}
