"""Tags of what REST APIs are made of.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-tagging-supported-resources.html
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from dayfly.api import Params
from dayfly.api.apigateway_plans import Plans
from dayfly.api.apigateway_shared import found
from dayfly.errors import Unsupported
from dayfly.identity import Caller
from dayfly.store import Changes

Tagged = dict[str, str]


class Tags(Plans):
    """The ARN says whose: `arn:aws:apigateway:{region}::/restapis/{api}/stages/{stage}` and the like."""

    async def tag_resource(self, caller: Caller, params: Params) -> Params:
        tags, put = self._tagged(caller, params["resourceArn"])
        await self._gateways.commit(put({**tags, **params["tags"]}))
        return {}

    async def untag_resource(self, caller: Caller, params: Params) -> Params:
        tags, put = self._tagged(caller, params["resourceArn"])
        kept = {name: value for name, value in tags.items() if name not in params["tagKeys"]}
        await self._gateways.commit(put(kept))
        return {}

    async def get_tags(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return {"tags": self._tagged(caller, params["resourceArn"])[0]}

    def _tagged(self, caller: Caller, arn: str) -> tuple[Tagged, Callable[[Tagged], Changes]]:
        """What is tagged now, and how to put other tags."""
        gateways, scope = self._gateways, caller.scope
        match arn.rpartition("::/")[2].split("/"):
            case ["restapis", api_id]:
                api = self._api(caller, {"restApiId": api_id})
                return api.tags, lambda tags: gateways.put(replace(api, tags=tags))
            case ["restapis", api_id, "stages", name]:
                api = self._api(caller, {"restApiId": api_id})
                stage = found(api.stages, name, "stage")

                def put_stage(tags: Tagged) -> Changes:
                    tagged = replace(stage, settings={**stage.settings, "tags": tags})
                    return gateways.put(replace(api, stages={**api.stages, name: tagged}))

                return stage.settings.get("tags", {}), put_stage
            case ["apikeys", key_id]:
                key = found(self._keys(caller), key_id, "API Key")
                return key.tags, lambda tags: gateways.put_part(scope, replace(key, tags=tags), key_id)
            case ["usageplans", plan_id]:
                plan = found(self._usage_plans(caller), plan_id, "Usage Plan ID")
                return plan.tags, lambda tags: gateways.put_part(scope, replace(plan, tags=tags), plan_id)
            case ["domainnames", name]:
                domain = self._domain(caller, name)
                settings = domain.settings
                return settings.get("tags", {}), lambda tags: gateways.put_part(
                    scope, replace(domain, settings={**settings, "tags": tags}), name
                )
        raise Unsupported(f"tags of {arn} are not supported yet")
