"""Tags of HTTP and WebSocket APIs, and the domain names that lead to them."""

from __future__ import annotations

from msgspec.structs import replace

from dayfly.api import Params
from dayfly.api.apigatewayv2_shared import Shared, without
from dayfly.gateways.model import Domain, PartNotFound
from dayfly.identity import Caller


class Domains(Shared):
    async def tag_resource(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, {"ApiId": _api_of_arn(params["ResourceArn"])})
        await self._put(replace(api, tags={**api.tags, **params.get("Tags", {})}))
        return {}

    async def untag_resource(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, {"ApiId": _api_of_arn(params["ResourceArn"])})
        tags = {name: value for name, value in api.tags.items() if name not in params["TagKeys"]}
        await self._put(replace(api, tags=tags))
        return {}

    async def get_tags(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return {"Tags": self._api(caller, {"ApiId": _api_of_arn(params["ResourceArn"])}).tags}

    def _domain(self, caller: Caller, name: str) -> Domain:
        found = self._gateways.domains.get((caller.scope.account, caller.scope.region), {}).get(name)
        if found is None:
            raise PartNotFound("Invalid domain name identifier specified")
        return found

    async def _put_domain(self, caller: Caller, domain: Domain) -> None:
        await self._gateways.commit(self._gateways.put_part(caller.scope, domain, domain.name))

    async def create_domain_name(self, caller: Caller, params: Params) -> Params:
        domain = Domain(
            name=params["DomainName"], v2=True, settings={k: v for k, v in params.items() if k != "DomainName"}
        )
        await self._put_domain(caller, domain)
        return _shown_domain(domain)

    async def get_domain_name(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return _shown_domain(self._domain(caller, params["DomainName"]))

    async def delete_domain_name(self, caller: Caller, params: Params) -> Params:
        self._domain(caller, params["DomainName"])
        await self._gateways.commit(self._gateways.remove_part(caller.scope, Domain, params["DomainName"]))
        return {}

    async def create_api_mapping(self, caller: Caller, params: Params) -> Params:
        domain = self._domain(caller, params["DomainName"])
        given = self._gateways.apis.get(params["ApiId"])  # a mapping may lead to a REST API, too
        self._gateways.of(caller.scope, params["ApiId"], rest=given is not None and given.kind == "rest")
        mapping_id = self._id()
        mapping = {"api": params["ApiId"], "stage": params["Stage"], "path": params.get("ApiMappingKey", "")}
        await self._put_domain(caller, replace(domain, mappings={**domain.mappings, mapping_id: mapping}))
        return {"ApiMappingId": mapping_id, **{k: v for k, v in params.items() if k != "DomainName"}}

    async def delete_api_mapping(self, caller: Caller, params: Params) -> Params:
        domain = self._domain(caller, params["DomainName"])
        await self._put_domain(caller, replace(domain, mappings=without(domain.mappings, params["ApiMappingId"])))
        return {}


def _shown_domain(domain: Domain) -> Params:
    return {"DomainName": domain.name, "ApiMappingSelectionExpression": "$request.basepath", **domain.settings}


def _api_of_arn(arn: str) -> str:
    """`arn:aws:apigateway:{region}::/apis/{api id}`"""
    _, _, rest = arn.partition("/apis/")
    return rest.partition("/")[0]
