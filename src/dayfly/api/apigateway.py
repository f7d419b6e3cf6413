"""API Gateway: REST APIs and their resources.

https://docs.aws.amazon.com/apigateway/latest/api/API_Operations.html

The rest of the service is beside: `apigateway_methods.py` (methods, integrations, their responses),
`apigateway_parts.py` (authorizers, models, validators, gateway responses), `apigateway_stages.py` (deployments and
stages), `apigateway_plans.py` (API keys, usage plans, domains, the account), `apigateway_tags.py`.
`apigateway_patches.py` has what may be patched and how; `apigateway_shared.py` what all operations share.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from msgspec.structs import replace

from dayfly.api import Fault, Params
from dayfly.api.apigateway_methods import Methods
from dayfly.api.apigateway_parts import Parts
from dayfly.api.apigateway_patches import RESOURCE, REST_API, patched, patches_of
from dayfly.api.apigateway_shared import body_bytes, members, merged, shown_resource
from dayfly.api.apigateway_stages import Stages
from dayfly.api.apigateway_tags import Tags
from dayfly.errors import Error, Unsupported
from dayfly.gateways.model import Api, ApiNotFound, Conflicting, Invalid, PartNotFound, Resource, Surface
from dayfly.gateways.openapi import read_document, rest_surface
from dayfly.gateways.openapi_extensions import endpoint_of, lacks, resolved, rest_settings
from dayfly.identity import Caller

_SETTINGS = (
    "minimumCompressionSize",
    "apiKeySource",
    "endpointConfiguration",
    "securityPolicy",
    "endpointAccessMode",
    "policy",
)


class ApiGateway(Methods, Parts, Stages, Tags):
    service: ClassVar[str] = "apigateway"
    FAULTS: ClassVar[Mapping[type[Error], Fault]] = {
        ApiNotFound: Fault("NotFoundException"),
        PartNotFound: Fault("NotFoundException"),
        Conflicting: Fault("ConflictException"),
        Invalid: Fault("BadRequestException"),
        Unsupported: Fault("BadRequestException"),
    }
    # -- APIs -------------------------------------------------------------------

    async def create_rest_api(self, caller: Caller, params: Params) -> Params:
        if params.get("policy"):
            raise Unsupported("policy is not supported yet: everyone who reaches the listener may call an API")
        root = self._id(10)
        api = Api(
            id=self._id(10),
            kind="rest",
            account=caller.scope.account,
            region=caller.scope.region,
            name=params["name"],
            created_s=self._now_s(),
            description=params.get("description", ""),
            version=params.get("version"),
            binary_types=params.get("binaryMediaTypes") or [],
            disable_endpoint=bool(params.get("disableExecuteApiEndpoint")),
            tags=params.get("tags") or {},
            settings=_checked(members(params, *_SETTINGS)),
            surface=Surface(resources={root: Resource(id=root)}),
        )
        if params.get("cloneFrom"):
            source = self._gateways.of(caller.scope, params["cloneFrom"], rest=True)
            api = replace(api, surface=source.surface)
        return self._shown(await self._put(api))

    async def get_rest_api(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return self._shown(self._api(caller, params))

    async def get_rest_apis(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return {"items": [self._shown(api) for api in self._gateways.list(caller.scope, rest=True)]}

    async def update_rest_api(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        before = {**self._shown(api), **api.settings, "binaryMediaTypes": api.binary_types}
        after = patched(before, patches_of(params), REST_API)
        api = replace(
            api,
            name=after["name"],
            description=after.get("description", ""),
            version=after.get("version"),
            binary_types=after["binaryMediaTypes"],
            disable_endpoint=after["disableExecuteApiEndpoint"],
            settings=_checked(members(after, *_SETTINGS)),
        )
        return self._shown(await self._put(api))

    async def delete_rest_api(self, caller: Caller, params: Params) -> Params:
        await self._gateways.commit(self._gateways.remove(self._api(caller, params)))
        return {}

    async def import_rest_api(self, caller: Caller, params: Params) -> Params:
        document = read_document(body_bytes(params["body"]))
        name = (document.get("info") or {}).get("title") or "api"
        made = await self.create_rest_api(caller, {"name": name})
        try:
            return await self.put_rest_api(caller, {**params, "restApiId": made["id"], "mode": "overwrite"})
        except Error:
            await self.delete_rest_api(caller, {"restApiId": made["id"]})
            raise

    async def put_rest_api(self, caller: Caller, params: Params) -> Params:
        """What a document says that has no effect here is kept where GetRestApi shows it, and told as `warnings`.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-import-api-update.html
        """
        api = self._api(caller, params)
        document = resolved(read_document(body_bytes(params["body"])), caller.scope)
        warnings = _warnings(document, params)
        if warnings and params.get("failOnWarnings"):
            raise Invalid(f"Warnings found during import: {'; '.join(warnings)}")
        root = self._shown(api)["rootResourceId"]
        surface = rest_surface(document, self._id, root)
        if params.get("mode", "merge") == "merge":
            surface = merged(api.surface, surface, root)
            settings = api.settings
        else:
            # What an overwriting document leaves out goes back to its default; the endpoint stays as it is.
            settings = members(api.settings, "endpointConfiguration")
        if kind := (params.get("parameters") or {}).get("endpointConfigurationTypes"):
            settings = {**settings, "endpointConfiguration": {"types": str(kind).split(",")}}
        api = replace(api, settings=settings)
        disabled = endpoint_of(document).get("disableExecuteApiEndpoint", api.disable_endpoint)
        info = document.get("info") or {}
        types = document.get("x-amazon-apigateway-binary-media-types") or api.binary_types
        api = replace(
            api,
            surface=surface,
            name=info.get("title") or api.name,
            description=info.get("description") or api.description,
            version=str(info["version"]) if "version" in info else api.version,
            binary_types=types,
            disable_endpoint=str(disabled).lower() == "true",
            settings={**settings, **rest_settings(document, api)},
        )
        shown = self._shown(await self._put(api))
        return {**shown, "warnings": warnings} if warnings else shown

    # -- resources, methods, integrations --------------------------------------------

    async def create_resource(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        parent = self._resource(api, params["parentId"])
        part = params["pathPart"]
        path = f"{parent.path.rstrip('/')}/{part}"
        if any(resource.path == path for resource in api.surface.resources.values()):
            raise Conflicting(f"Another resource with the same parent already has this name: {part}")
        resource = Resource(id=self._id(), parent_id=parent.id, path_part=part, path=path)
        await self._put_resource(api, resource)
        return shown_resource(resource)

    async def get_resource(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        resource = self._resource(self._api(caller, params), params["resourceId"])
        return shown_resource(resource, whole="methods" in (params.get("embed") or ()))

    async def get_resources(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        whole = "methods" in (params.get("embed") or ())
        resources = self._api(caller, params).surface.resources.values()
        return {"items": [shown_resource(resource, whole=whole) for resource in resources]}

    async def update_resource(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        resource = self._resource(api, params["resourceId"])
        after = patched(shown_resource(resource), patches_of(params), RESOURCE)
        if resource.path == "/":
            raise Invalid("Root resource cannot be updated")
        parent, part = self._resource(api, after["parentId"]), after["pathPart"]
        if f"{parent.path}/".startswith(f"{resource.path}/"):
            raise Invalid("Resources cannot be cyclical.")
        path = f"{parent.path.rstrip('/')}/{part}"
        if any(one.path == path for one in api.surface.resources.values() if one.id != resource.id):
            raise Conflicting(f"Another resource with the same parent already has this name: {part}")
        moved = {
            one.id: replace(one, path=path + one.path[len(resource.path) :])
            for one in api.surface.resources.values()
            if f"{one.path}/".startswith(f"{resource.path}/")
        }
        changed = replace(moved[resource.id], parent_id=parent.id, path_part=part)
        await self._surface(api, resources={**api.surface.resources, **moved, resource.id: changed})
        return shown_resource(changed)

    async def delete_resource(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        gone = self._resource(api, params["resourceId"])
        if gone.path == "/":
            raise Invalid("Root resource cannot be deleted")
        below = f"{gone.path}/"
        resources = {
            key: resource
            for key, resource in api.surface.resources.items()
            if key != gone.id and not resource.path.startswith(below)
        }
        await self._surface(api, resources=resources)
        return {}


def _warnings(document: Params, params: Params) -> list[str]:
    given = params.get("parameters") or {}
    found = [str(one) for one in lacks(document, "rest")]
    if given.get("ignore") == "documentation":
        found = [one for one in found if not one.startswith("x-amazon-apigateway-documentation ")]
    if given.get("basepath", "ignore") != "ignore":
        found.append(f"basepath={given['basepath']} is not supported yet: base paths are ignored")
    return found


def _checked(settings: Params) -> Params:
    """Kept and told without effect, save what would let other clients in."""
    if settings.get("apiKeySource", "HEADER") != "HEADER":
        raise Unsupported("apiKeySource AUTHORIZER is not supported yet: API keys are read from the header x-api-key")
    return settings
