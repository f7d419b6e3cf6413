"""API keys, usage plans, tags and domain names of REST APIs.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-api-usage-plans.html
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from dayfly.api import Params
from dayfly.api.apigateway_shared import (
    Shared,
    api_of_arn,
    found,
    members,
    patched_struct,
    shown_domain,
    shown_part,
    without,
)
from dayfly.gateways.model import (
    ApiKey,
    Conflicting,
    Domain,
    UsagePlan,
)
from dayfly.identity import Caller


class Plans(Shared):
    """Who may call with which key, and under which names."""

    def _keys(self, caller: Caller) -> dict[str, ApiKey]:
        return self._gateways.keys.get((caller.scope.account, caller.scope.region), {})

    def _usage_plans(self, caller: Caller) -> dict[str, UsagePlan]:
        return self._gateways.usage_plans.get((caller.scope.account, caller.scope.region), {})

    async def _put_part(self, caller: Caller, part: ApiKey | UsagePlan) -> Params:
        await self._gateways.commit(self._gateways.put_part(caller.scope, part, part.id))
        return shown_part(part)

    async def create_api_key(self, caller: Caller, params: Params) -> Params:
        value = params.get("value") or self._id(40)
        if any(key.value == value for key in self._keys(caller).values()):
            raise Conflicting("API Key already exists")
        now_s = self._now_s()
        key = ApiKey(
            id=self._id(10),
            value=value,
            name=params.get("name", ""),
            description=params.get("description", ""),
            enabled=bool(params.get("enabled")),
            created_date=now_s,
            last_updated_date=now_s,
            customer_id=params.get("customerId"),
            tags=params.get("tags") or {},
        )
        return await self._put_part(caller, key)

    async def get_api_key(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        shown = shown_part(found(self._keys(caller), params["apiKey"], "API Key"))
        return shown if params.get("includeValue") else without(shown, "value")

    async def get_api_keys(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        keys = [shown_part(key) for key in self._keys(caller).values()]
        named = params.get("nameQuery")
        if named:
            keys = [key for key in keys if key.get("name", "").startswith(named)]
        return {"items": keys if params.get("includeValues") else [without(key, "value") for key in keys]}

    async def update_api_key(self, caller: Caller, params: Params) -> Params:
        key = found(self._keys(caller), params["apiKey"], "API Key")
        return await self._put_part(caller, patched_struct(key, params.get("patchOperations") or []))

    async def delete_api_key(self, caller: Caller, params: Params) -> Params:
        found(self._keys(caller), params["apiKey"], "API Key")
        await self._gateways.commit(self._gateways.remove_part(caller.scope, ApiKey, params["apiKey"]))
        return {}

    async def create_usage_plan(self, caller: Caller, params: Params) -> Params:
        return await self._put_part(caller, msgspec.convert({**params, "id": self._id()}, UsagePlan))

    async def get_usage_plan(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return shown_part(found(self._usage_plans(caller), params["usagePlanId"], "Usage Plan ID"))

    async def get_usage_plans(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return {"items": [shown_part(plan) for plan in self._usage_plans(caller).values()]}

    async def update_usage_plan(self, caller: Caller, params: Params) -> Params:
        plan = found(self._usage_plans(caller), params["usagePlanId"], "Usage Plan ID")
        for patch in params.get("patchOperations") or ():
            if patch["path"] == "/apiStages":
                api_id, _, stage = patch["value"].partition(":")
                kept = [one for one in plan.api_stages if (one.get("apiId"), one.get("stage")) != (api_id, stage)]
                added = [] if patch["op"] == "remove" else [{"apiId": api_id, "stage": stage}]
                plan = replace(plan, api_stages=kept + added)
            else:
                plan = patched_struct(plan, [patch])
        return await self._put_part(caller, plan)

    async def delete_usage_plan(self, caller: Caller, params: Params) -> Params:
        found(self._usage_plans(caller), params["usagePlanId"], "Usage Plan ID")
        await self._gateways.commit(self._gateways.remove_part(caller.scope, UsagePlan, params["usagePlanId"]))
        return {}

    async def create_usage_plan_key(self, caller: Caller, params: Params) -> Params:
        plan = found(self._usage_plans(caller), params["usagePlanId"], "Usage Plan ID")
        key = found(self._keys(caller), params["keyId"], "API Key")
        if key.id not in plan.keys:
            await self._put_part(caller, replace(plan, keys=[*plan.keys, key.id]))
        return {"id": key.id, "type": "API_KEY", "value": key.value, "name": key.name}

    async def get_usage_plan_keys(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        plan = found(self._usage_plans(caller), params["usagePlanId"], "Usage Plan ID")
        keys = [self._keys(caller)[key] for key in plan.keys if key in self._keys(caller)]
        return {"items": [{"id": key.id, "type": "API_KEY", "value": key.value, "name": key.name} for key in keys]}

    async def delete_usage_plan_key(self, caller: Caller, params: Params) -> Params:
        plan = found(self._usage_plans(caller), params["usagePlanId"], "Usage Plan ID")
        await self._put_part(caller, replace(plan, keys=[key for key in plan.keys if key != params["keyId"]]))
        return {}

    # -- account, tags, domains -----------------------------------------------------------------------

    async def get_account(self, caller: Caller, params: Params) -> Params:
        return {"throttleSettings": {"rateLimit": 10000.0, "burstLimit": 5000}, "features": ["UsagePlans"]}

    async def update_account(self, caller: Caller, params: Params) -> Params:
        return await self.get_account(caller, params)

    async def tag_resource(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, {"restApiId": api_of_arn(params["resourceArn"])})
        await self._put(replace(api, tags={**api.tags, **params["tags"]}))
        return {}

    async def untag_resource(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, {"restApiId": api_of_arn(params["resourceArn"])})
        tags = {name: value for name, value in api.tags.items() if name not in params["tagKeys"]}
        await self._put(replace(api, tags=tags))
        return {}

    async def get_tags(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return {"tags": self._api(caller, {"restApiId": api_of_arn(params["resourceArn"])}).tags}

    def _domain(self, caller: Caller, name: str) -> Domain:
        domains = self._gateways.domains.get((caller.scope.account, caller.scope.region), {})
        return found(domains, name, "domain name")

    async def _put_domain(self, caller: Caller, domain: Domain) -> None:
        await self._gateways.commit(self._gateways.put_part(caller.scope, domain, domain.name))

    async def create_domain_name(self, caller: Caller, params: Params) -> Params:
        domain = Domain(name=params["domainName"], settings=without(params, "domainName"))
        await self._put_domain(caller, domain)
        return shown_domain(domain)

    async def get_domain_name(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return shown_domain(self._domain(caller, params["domainName"]))

    async def delete_domain_name(self, caller: Caller, params: Params) -> Params:
        name = self._domain(caller, params["domainName"]).name
        await self._gateways.commit(self._gateways.remove_part(caller.scope, Domain, name))
        return {}

    async def create_base_path_mapping(self, caller: Caller, params: Params) -> Params:
        domain = self._domain(caller, params["domainName"])
        self._api(caller, params)
        base = params.get("basePath") or "(none)"
        mapping = {"api": params["restApiId"], "stage": params.get("stage", ""), "path": base}
        await self._put_domain(caller, replace(domain, mappings={**domain.mappings, base: mapping}))
        return {"basePath": base, **members(params, "restApiId", "stage")}

    async def delete_base_path_mapping(self, caller: Caller, params: Params) -> Params:
        domain = self._domain(caller, params["domainName"])
        await self._put_domain(caller, replace(domain, mappings=without(domain.mappings, params["basePath"])))
        return {}
