"""Policies that are an attribute of the resources they are about: queues, topics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from dayfly.api import Refused
from dayfly.app.resources import Physical, Properties, Site
from dayfly.app.resources.absent import is_missing
from dayfly.app.resources.naming import lasting_name
from dayfly.app.resources.properties import text_of

Put = Callable[[Site, str, str], Awaitable[Any]]
"""Sets the policy (none: an empty text) of a queue's URL or a topic's ARN."""


class ResourcePolicy:
    """`owners` is the property that names one resource or several."""

    ignored: frozenset[str] = frozenset()

    def __init__(self, owners: str, put: Put) -> None:
        self.known: frozenset[str] = frozenset({owners, "PolicyDocument"})
        self._owners = owners
        self._put = put

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        await self._set(site, self._named(properties), text_of(properties["PolicyDocument"]))
        name = lasting_name(site, logical_id, 128)
        return Physical(id=name, attributes={"Id": name})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        named = self._named(after)
        await self._set(site, [one for one in self._named(before) if one not in named], "")
        await self._set(site, named, text_of(after["PolicyDocument"]))
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await self._set(site, self._named(properties), "")

    def _named(self, properties: Properties) -> list[str]:
        given = properties[self._owners]
        return given if isinstance(given, list) else [given]

    async def _set(self, site: Site, owners: list[str], policy: str) -> None:
        for owner in owners:
            try:
                await self._put(site, owner, policy)
            except Refused as refused:
                # A policy that is taken away after its resource has nothing left to do.
                if policy or not is_missing(refused):
                    raise
