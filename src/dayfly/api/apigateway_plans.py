"""API keys, usage plans and domain names of REST APIs, and what is kept of the account.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-api-usage-plans.html
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec.structs import replace

from dayfly.api import Params
from dayfly.api.apigateway_patches import ACCOUNT, API_KEY, USAGE_PLAN, patched, patched_struct, patches_of, typed
from dayfly.api.apigateway_shared import Shared, found, members, shown_domain, shown_part, without
from dayfly.errors import NOT_JSON, Unsupported
from dayfly.gateways import accounts
from dayfly.gateways.model import ApiKey, Conflicting, Domain, Invalid, PartNotFound, UsagePlan
from dayfly.identity import Caller

_STAGE_THROTTLE = re.compile(
    r"/apiStages/(?P<stage>[^/]+)/throttle(?:/(?P<key>.+?)(?:/(?P<limit>rateLimit|burstLimit))?)?"
)


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
        if params.get("stageKeys"):
            raise Unsupported("stageKeys is not supported yet: a usage plan leads from a key to its stages")
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
        changed = patched_struct(key, patches_of(params), API_KEY)
        return await self._put_part(caller, replace(changed, last_updated_date=self._now_s()))

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
        for patch in patches_of(params):
            path = patch.get("path", "")
            if path == "/apiStages":
                plan = replace(plan, api_stages=_with_stage(plan.api_stages, patch))
            elif (match := _STAGE_THROTTLE.fullmatch(path)) is not None:
                plan = replace(plan, api_stages=_with_throttle(plan.api_stages, match, patch))
            else:
                plan = patched_struct(plan, [patch], USAGE_PLAN)
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

    # -- account, domains -----------------------------------------------------------------------

    async def get_account(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return self._account(caller)

    def _account(self, caller: Caller) -> Params:
        role = accounts.log_role(self._gateways, caller.scope)
        shown: Params = {
            "throttleSettings": {"rateLimit": 10000.0, "burstLimit": 5000},
            "features": ["UsagePlans"],
            "apiKeyVersion": "4",
        }
        return {**shown, "cloudwatchRoleArn": role} if role else shown

    async def update_account(self, caller: Caller, params: Params) -> Params:
        before = self._account(caller)
        after = patched(before, patches_of(params), ACCOUNT)
        if after["features"] != before["features"]:
            raise Invalid("features: an account has UsagePlans, always and nothing else")
        role = after.get("cloudwatchRoleArn", "")
        await self._gateways.commit(accounts.with_log_role(caller.scope, role))
        return self._account(caller)

    def _domain(self, caller: Caller, name: str) -> Domain:
        domains = self._gateways.domains.get((caller.scope.account, caller.scope.region), {})
        return found(domains, name, "domain name")

    async def _put_domain(self, caller: Caller, domain: Domain) -> None:
        await self._gateways.commit(self._gateways.put_part(caller.scope, domain, domain.name))

    async def create_domain_name(self, caller: Caller, params: Params) -> Params:
        if params.get("mutualTlsAuthentication"):
            raise Unsupported("mutualTlsAuthentication is not supported yet: clients are not asked for certificates")
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


def _with_stage(stages: list[dict[str, Any]], patch: Params) -> list[dict[str, Any]]:
    op, value = patch.get("op", ""), patch.get("value") or ""
    if op not in ("add", "remove"):
        raise Invalid(f"Invalid patch path  '/apiStages' specified for op '{op}'. Please choose supported operations")
    api_id, _, stage = value.partition(":")
    kept = [one for one in stages if (one.get("apiId"), one.get("stage")) != (api_id, stage)]
    return kept if op == "remove" else [*kept, {"apiId": api_id, "stage": stage}]


def _with_throttle(stages: list[dict[str, Any]], match: re.Match[str], patch: Params) -> list[dict[str, Any]]:
    """Limits of one method of a stage, or of all its methods at once: kept and told, without effect."""
    op, value = patch.get("op", ""), patch.get("value") or ""
    key, limit = (match["key"] or "").replace("~1", "/"), match["limit"]
    if op not in (("add", "replace") if limit else ("remove",) if key else ("add", "replace", "remove")):
        raise Invalid(f"Invalid patch path  '{match[0]}' specified for op '{op}'. Please choose supported operations")
    at = next((at for at, one in enumerate(stages) if f"{one.get('apiId')}:{one.get('stage')}" == match["stage"]), None)
    if at is None:
        raise PartNotFound(f"API Stage not found: {match['stage']}")
    throttle: Params = stages[at].get("throttle") or {}
    if limit:
        number = typed(float if limit == "rateLimit" else int, match[0], value)
        throttle = {**throttle, key: {**throttle.get(key, {}), limit: number}}
    elif key:
        throttle = without(throttle, key)
    else:
        throttle = {} if op == "remove" else _throttles(value)
    return [*stages[:at], {**stages[at], "throttle": throttle}, *stages[at + 1 :]]


def _throttles(value: str) -> Params:
    try:
        return msgspec.json.decode(value, type=dict[str, dict[str, float]])
    except NOT_JSON as error:
        raise Invalid(f"Invalid throttle: {value}") from error
