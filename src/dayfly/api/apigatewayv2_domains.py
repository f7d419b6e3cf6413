"""Tags of HTTP and WebSocket APIs, and the domain names that lead to them."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from dayfly.api import Params
from dayfly.api.apigatewayv2_shared import Shared, without
from dayfly.errors import Unsupported
from dayfly.gateways.model import Domain, PartNotFound
from dayfly.identity import Caller
from dayfly.store import Changes

Tagged = dict[str, str]


class Domains(Shared):
    async def tag_resource(self, caller: Caller, params: Params) -> Params:
        tags, put = self._tagged(caller, params["ResourceArn"])
        await self._gateways.commit(put({**tags, **params.get("Tags", {})}))
        return {}

    async def untag_resource(self, caller: Caller, params: Params) -> Params:
        tags, put = self._tagged(caller, params["ResourceArn"])
        kept = {name: value for name, value in tags.items() if name not in params["TagKeys"]}
        await self._gateways.commit(put(kept))
        return {}

    async def get_tags(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return {"Tags": self._tagged(caller, params["ResourceArn"])[0]}

    def _tagged(self, caller: Caller, arn: str) -> tuple[Tagged, Callable[[Tagged], Changes]]:
        """What is tagged now, and how to put other tags: `arn:aws:apigateway:{region}::/apis/{api}/stages/{stage}`."""
        gateways, scope = self._gateways, caller.scope
        match arn.rpartition("::/")[2].split("/"):
            case ["apis", api_id]:
                api = self._api(caller, {"ApiId": api_id})
                return api.tags, lambda tags: gateways.put(replace(api, tags=tags))
            case ["apis", api_id, "stages", name]:
                api = self._api(caller, {"ApiId": api_id})
                stage = self._found_stage(api, {"StageName": name})

                def put_stage(tags: Tagged) -> Changes:
                    tagged = replace(stage, settings={**stage.settings, "Tags": tags})
                    return gateways.put(replace(api, stages={**api.stages, name: tagged}))

                return stage.settings.get("Tags", {}), put_stage
            case ["domainnames", name]:
                domain = self._domain(caller, name)
                settings = domain.settings
                return settings.get("Tags", {}), lambda tags: gateways.put_part(
                    scope, replace(domain, settings={**settings, "Tags": tags}), name
                )
        raise Unsupported(f"tags of {arn} are not supported yet")

    def _domain(self, caller: Caller, name: str) -> Domain:
        found = self._gateways.domains.get((caller.scope.account, caller.scope.region), {}).get(name)
        if found is None:
            raise PartNotFound("Invalid domain name identifier specified")
        return found

    async def _put_domain(self, caller: Caller, domain: Domain) -> None:
        await self._gateways.commit(self._gateways.put_part(caller.scope, domain, domain.name))

    async def create_domain_name(self, caller: Caller, params: Params) -> Params:
        if params.get("MutualTlsAuthentication"):
            raise Unsupported("MutualTlsAuthentication is not supported yet: clients are not asked for certificates")
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
