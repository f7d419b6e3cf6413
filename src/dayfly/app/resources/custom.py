"""Custom resources: a function (or whoever listens to a topic) makes what the template asks for.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-custom-resources.html
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from dayfly.app.resources import Physical, Properties, ResourceType, Site
from dayfly.errors import Error, Unsupported
from dayfly.identity import parse_arn

_AFTER_RETURN_S = 30
"""How long an answer may come after the function has returned, without another function working on it."""
_LONGEST_S = 3600


class CustomResourceFailed(Error):
    """The function that makes a custom resource says that it failed, or says nothing."""


class Custom:
    """`AWS::CloudFormation::CustomResource` and every `Custom::…`."""

    known = frozenset({"*"})
    ignored: frozenset[str] = frozenset()

    def __init__(self, type_name: str = "AWS::CloudFormation::CustomResource") -> None:
        self._type = type_name

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        return await self._ask(site, "Create", logical_id, properties)

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        more = {"PhysicalResourceId": physical.id, "OldResourceProperties": _texts(before)}
        made = await self._ask(site, "Update", logical_id, after, **more)
        if made.id != physical.id:
            await self._ask(site, "Delete", logical_id, before, PhysicalResourceId=physical.id)
        return made

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        # The logical id is not kept with what was made; functions use the physical one to delete.
        await self._ask(site, "Delete", physical.id, properties, PhysicalResourceId=physical.id)

    async def _ask(self, site: Site, request: str, logical_id: str, properties: Properties, **more: Any) -> Physical:
        """Raises Unsupported where a creation fails: the stack stands without it, and says so."""
        if site.responses is None:
            raise Unsupported("custom resources cannot be made here")
        url, answer = site.responses.expect(site.scope.region)
        event = {
            "RequestType": request,
            "ServiceToken": properties.get("ServiceToken", ""),
            "ResponseURL": url,
            "StackId": site.stack_id,
            "RequestId": url.rpartition("/")[2].partition("?")[0],
            "LogicalResourceId": logical_id,
            "ResourceType": self._type,
            "ResourceProperties": _texts(properties),
            **more,
        }
        try:
            said = await self._answer(site, event, answer)
        except Error as error:
            if request == "Create":
                raise Unsupported(f"{logical_id} ({self._type}): {error.message}") from error
            raise
        finally:
            answer.cancel()
        data = said.get("Data") if isinstance(said.get("Data"), dict) else {}
        made = str(said.get("PhysicalResourceId") or more.get("PhysicalResourceId") or f"{site.stack}-{logical_id}")
        return Physical(id=made, attributes=dict(data or {}))

    async def _answer(
        self, site: Site, event: dict[str, Any], answer: asyncio.Future[dict[str, Any]]
    ) -> dict[str, Any]:
        token = str(event["ServiceToken"])
        limit = float(event["ResourceProperties"].get("ServiceTimeout") or _LONGEST_S)
        running: asyncio.Task[dict[str, Any]] | None = None
        if parse_arn(token).service == "sns":
            await site.do("sns", "Publish", TopicArn=token, Message=json.dumps(event))
        else:
            params = {"FunctionName": token, "Payload": json.dumps(event).encode()}
            running = asyncio.create_task(site.do("lambda", "Invoke", **params), name="custom resource")
            await asyncio.wait((running, answer), timeout=limit, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                if not running.done():
                    running.cancel()
                    raise CustomResourceFailed("the function that makes it did not answer in time")
                if (result := running.result()).get("FunctionError"):
                    raise CustomResourceFailed(f"the function that makes it failed: {_reason(result)}")
                limit = min(limit, _AFTER_RETURN_S)
        try:
            said = await asyncio.wait_for(answer, limit)
        except TimeoutError as error:
            raise CustomResourceFailed("the function that makes it returned without an answer") from error
        if running is not None and not running.done():
            await asyncio.wait((running,), timeout=_AFTER_RETURN_S)
        if said.get("Status") != "SUCCESS":
            raise CustomResourceFailed(f"the function that makes it says {said.get('Status')}: {said.get('Reason')}")
        return said


def _reason(result: dict[str, Any]) -> str:
    payload: Any = result.get("Payload")
    if hasattr(payload, "read"):
        payload = payload.read()
    try:
        return str(json.loads(payload or b"{}").get("errorMessage"))
    except (ValueError, AttributeError):
        return str(payload)


def _texts(value: Any) -> Any:
    """CloudFormation hands on every scalar as a text."""
    if isinstance(value, dict):
        return {key: _texts(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_texts(one) for one in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else "" if value is None else str(value)


TYPES: dict[str, ResourceType] = {"AWS::CloudFormation::CustomResource": Custom()}
