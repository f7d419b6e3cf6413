"""Lambda: layers and their permissions.

https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html
"""

from __future__ import annotations

from typing import Any

import msgspec

from dayfly.api import Params
from dayfly.api.lambda_shapes import layer_shape, page, read_source
from dayfly.functions.errors import InvalidParameter, NotFound
from dayfly.functions.model import Code, LayerVersion
from dayfly.functions.names import layer_arn, read_layer
from dayfly.functions.service import Functions
from dayfly.identity import Caller, Scope

LAYER_PATH = "/_dayfly/layer"
"""`GET <endpoint>/_dayfly/layer/<account>/<region>/<layer>/<version>` serves a layer's zip."""


class LambdaLayers:
    _functions: Functions

    def _location(self, path: str) -> str:
        """Where that path of the endpoint is fetched without a signature."""
        raise NotImplementedError

    async def publish_layer_version(self, caller: Caller, params: Params) -> Params:
        name = read_layer(caller.scope, params["LayerName"]).name
        asked = LayerVersion(
            name=name,
            version=0,
            code=Code(sha256="", size=0),
            description=params.get("Description") or "",
            runtimes=tuple(params.get("CompatibleRuntimes") or ()),
            architectures=tuple(params.get("CompatibleArchitectures") or ()),
            license=params.get("LicenseInfo") or "",
        )
        layer = await self._functions.publish_layer(caller.scope, asked, read_source(params["Content"]))
        return self._with_content(caller.scope, layer)

    async def get_layer_version(self, caller: Caller, params: Params) -> Params:
        name = read_layer(caller.scope, params["LayerName"])
        layer = self._functions.catalogue.layer_version(name.scope, name.name, params["VersionNumber"])
        await self._functions.settled()
        return self._with_content(name.scope, layer)

    async def get_layer_version_by_arn(self, caller: Caller, params: Params) -> Params:
        name = read_layer(caller.scope, params["Arn"])
        if name.version is None:
            raise InvalidParameter(f"Layer version ARN expected, not {params['Arn']}")
        layer = self._functions.catalogue.layer_version(name.scope, name.name, name.version)
        await self._functions.settled()
        return self._with_content(name.scope, layer)

    async def list_layers(self, caller: Caller, params: Params) -> Params:
        await self._functions.settled()
        layers = [layer for layer in self._functions.catalogue.layers(caller.scope) if _compatible(layer, params)]
        return page(params, "Layers", layers, lambda layer: layer.name, lambda layer: _listed(caller.scope, layer))

    async def list_layer_versions(self, caller: Caller, params: Params) -> Params:
        name = read_layer(caller.scope, params["LayerName"])
        await self._functions.settled()
        found = self._functions.catalogue.layer_versions(name.scope, name.name)
        versions = [layer for layer in found if _compatible(layer, params)]
        return page(
            params, "LayerVersions", versions, lambda it: str(it.version), lambda it: layer_shape(name.scope, it)
        )

    async def delete_layer_version(self, caller: Caller, params: Params) -> Params:
        name = read_layer(caller.scope, params["LayerName"])
        await self._functions.delete_layer_version(name.scope, name.name, params["VersionNumber"])
        return {}

    async def add_layer_version_permission(self, caller: Caller, params: Params) -> Params:
        name = read_layer(caller.scope, params["LayerName"])
        version: int = params["VersionNumber"]
        statement: dict[str, Any] = {
            "Sid": params["StatementId"],
            "Effect": "Allow",
            "Principal": "*" if params["Principal"] == "*" else {"AWS": f"arn:aws:iam::{params['Principal']}:root"},
            "Action": params["Action"],
            "Resource": f"{layer_arn(name.scope, name.name)}:{version}",
        }
        if params.get("OrganizationId"):
            statement["Condition"] = {"StringEquals": {"aws:PrincipalOrgID": params["OrganizationId"]}}
        policy = await self._functions.set_layer_statement(
            name.scope, name.name, version, params["StatementId"], statement
        )
        return {"Statement": msgspec.json.encode(statement).decode(), "RevisionId": policy.revision_id}

    async def remove_layer_version_permission(self, caller: Caller, params: Params) -> Params:
        name = read_layer(caller.scope, params["LayerName"])
        await self._functions.set_layer_statement(
            name.scope, name.name, params["VersionNumber"], params["StatementId"], None
        )
        return {}

    async def get_layer_version_policy(self, caller: Caller, params: Params) -> Params:
        name = read_layer(caller.scope, params["LayerName"])
        policy = self._functions.catalogue.layer_version(name.scope, name.name, params["VersionNumber"]).policy
        await self._functions.settled()
        if not policy.statements:
            raise NotFound("No policy is associated with the given resource.")
        document = {"Version": "2012-10-17", "Id": "default", "Statement": list(policy.statements.values())}
        return {"Policy": msgspec.json.encode(document).decode(), "RevisionId": policy.revision_id}

    def _with_content(self, scope: Scope, layer: LayerVersion) -> Params:
        where = f"{scope.account}/{scope.region}/{layer.name}/{layer.version}"
        content = {
            "Location": self._location(f"{LAYER_PATH}/{where}"),
            "CodeSha256": layer.code.sha256,
            "CodeSize": layer.code.size,
        }
        return {**layer_shape(scope, layer), "LayerArn": layer_arn(scope, layer.name), "Content": content}


def _listed(scope: Scope, layer: LayerVersion) -> Params:
    return {
        "LayerName": layer.name,
        "LayerArn": layer_arn(scope, layer.name),
        "LatestMatchingVersion": layer_shape(scope, layer),
    }


def _compatible(layer: LayerVersion, params: Params) -> bool:
    runtime, architecture = params.get("CompatibleRuntime"), params.get("CompatibleArchitecture")
    return (not runtime or not layer.runtimes or runtime in layer.runtimes) and (
        not architecture or not layer.architectures or architecture in layer.architectures
    )
