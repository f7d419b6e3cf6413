"""What programs are told of a stack: its outputs, resources, functions and the URLs of its APIs (docs/CONTROL.md)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dayfly.app.application import Application
from dayfly.gateways.model import Api, Stage
from dayfly.stacks import Resource, Stack

if TYPE_CHECKING:
    from dayfly.server import Platform

_APIS = ("AWS::ApiGateway::RestApi", "AWS::ApiGatewayV2::Api")
_STAGES = ("AWS::ApiGateway::Stage", "AWS::ApiGatewayV2::Stage")


def stack_record(platform: Platform, application: Application, stack: Stack) -> dict[str, Any]:
    """The record of one deployed application."""
    resources = platform.stacks.resources(stack)
    return {
        "name": stack.name,
        "path": str(application.path),
        "outputs": {name: str(output.value) for name, output in stack.outputs.items()},
        "resources": {
            name: {"type": one.type, "id": one.physical_id} for name, one in resources.items() if not one.placeholder
        },
        "functions": dict(_functions(stack, resources)),
        "apis": list(_apis(platform, application, resources)),
    }


def _functions(stack: Stack, resources: dict[str, Resource]) -> Iterator[tuple[str, dict[str, str]]]:
    for key, (name, logical_id) in stack.functions.items():
        made = resources.get(logical_id)
        yield key, {"name": made.physical_id if made else name, "logical_id": logical_id}


def _apis(platform: Platform, application: Application, resources: dict[str, Resource]) -> Iterator[dict[str, Any]]:
    for resource in resources.values():
        if resource.type in _APIS and (api := platform.gateways.apis.get(resource.physical_id)):
            for stage in _stages(api, application.stage, resources):
                yield {
                    "kind": api.kind,
                    "id": api.id,
                    "name": api.name,
                    "stage": stage.name,
                    "url": _url(platform, api, stage),
                    "routes": sorted(platform.gateways.plan_of(api, stage).keys),
                }
        elif resource.type == "AWS::Lambda::Url":
            url = str(resource.attributes.get("FunctionUrl", ""))
            name = str(resource.attributes.get("FunctionName") or resource.properties.get("TargetFunctionArn", ""))
            host = urlsplit(url).hostname or ""
            yield {
                "kind": "url",
                "id": host.partition(".")[0],
                "name": name,
                "stage": "$default",
                "url": url.rstrip("/"),
            }


def _stages(api: Api, own: str, resources: dict[str, Resource]) -> list[Stage]:
    """The application's own stage first; last what came with a deployment, as SAM's stage `Stage` does."""
    declared = {str(one.properties.get("StageName")) for one in resources.values() if one.type in _STAGES}
    return sorted(
        api.stages.values(),
        key=lambda stage: (stage.name not in (own, "$default"), stage.name not in declared, stage.created_s),
    )


def _url(platform: Platform, api: Api, stage: Stage) -> str:
    """On the port of its kind where it is the first API there, else by its own host name at the endpoint."""
    kind = "websocket" if api.kind == "websocket" else "http"
    scheme = "ws" if kind == "websocket" else "http"
    suffix = "" if stage.name == "$default" else f"/{stage.name}"
    if platform.ports.get(kind) and platform.doors.front.setdefault(kind, api.id) == api.id:
        return f"{scheme}://127.0.0.1:{platform.ports[kind]}{suffix}"
    return f"{scheme}://{api.id}.execute-api.localhost:{platform.port}{suffix}"
