"""Lambda: resource policies, function URLs, event invoke configurations, provisioned concurrency.

https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html
"""

from __future__ import annotations

from typing import Any

import msgspec

from dayfly.api import Params
from dayfly.api.lambda_shapes import invoke_config_shape, page, url_shape
from dayfly.clock import Clock
from dayfly.functions.errors import InvalidParameter, NotFound
from dayfly.functions.model import EventInvokeConfig
from dayfly.functions.names import LATEST, FunctionName, read_function
from dayfly.functions.service import Functions
from dayfly.identity import Caller


class LambdaAccess:
    _functions: Functions
    _clock: Clock

    def _qualified(self, caller: Caller, params: Params) -> FunctionName:
        return read_function(caller.scope, params["FunctionName"], params.get("Qualifier"))

    async def add_permission(self, caller: Caller, params: Params) -> Params:
        name = self._qualified(caller, params)
        statement = _statement(name, params)
        await self._functions.add_permission(name, params["StatementId"], statement, params.get("RevisionId"))
        return {"Statement": msgspec.json.encode(statement).decode()}

    async def remove_permission(self, caller: Caller, params: Params) -> Params:
        name = self._qualified(caller, params)
        await self._functions.remove_permission(name, params["StatementId"], params.get("RevisionId"))
        return {}

    async def get_policy(self, caller: Caller, params: Params) -> Params:
        name = self._qualified(caller, params)
        policy = self._functions.held(name).function.policies.get(name.qualifier or "")
        await self._functions.settled()
        if policy is None:
            raise NotFound("The resource you requested does not exist.")
        document = {"Version": "2012-10-17", "Id": "default", "Statement": list(policy.statements.values())}
        return {"Policy": msgspec.json.encode(document).decode(), "RevisionId": policy.revision_id}

    # Function URLs

    async def create_function_url_config(self, caller: Caller, params: Params) -> Params:
        name = self._qualified(caller, params)
        url = await self._functions.create_url(
            name, auth=params["AuthType"], mode=params.get("InvokeMode") or "BUFFERED", cors=params.get("Cors") or {}
        )
        shown = url_shape(self._functions, name, url)
        del shown["LastModifiedTime"]  # the only answer about a URL without it
        return shown

    async def get_function_url_config(self, caller: Caller, params: Params) -> Params:
        name = self._qualified(caller, params)
        url = self._functions.url_of(name)
        await self._functions.settled()
        return url_shape(self._functions, name, url)

    async def update_function_url_config(self, caller: Caller, params: Params) -> Params:
        name = self._qualified(caller, params)
        members = {"AuthType": "auth", "InvokeMode": "mode", "Cors": "cors"}
        fields = {field: params[member] for member, field in members.items() if member in params}
        return url_shape(self._functions, name, await self._functions.update_url(name, fields))

    async def delete_function_url_config(self, caller: Caller, params: Params) -> Params:
        await self._functions.delete_url(self._qualified(caller, params))
        return {}

    async def list_function_url_configs(self, caller: Caller, params: Params) -> Params:
        name = self._qualified(caller, params)._replace(qualifier=None)
        urls = sorted(self._functions.held(name).function.urls.values(), key=lambda url: url.qualifier)
        await self._functions.settled()
        return page(
            params,
            "FunctionUrlConfigs",
            urls,
            lambda url: url.id,
            lambda url: url_shape(self._functions, name._replace(qualifier=url.qualifier or None), url),
        )

    # Asynchronous invocation

    async def put_function_event_invoke_config(self, caller: Caller, params: Params) -> Params:
        return await self._put_invoke_config(self._qualified(caller, params), EventInvokeConfig(), params)

    async def update_function_event_invoke_config(self, caller: Caller, params: Params) -> Params:
        name = self._qualified(caller, params)
        return await self._put_invoke_config(name, self._invoke_config(name), params)

    async def get_function_event_invoke_config(self, caller: Caller, params: Params) -> Params:
        name = self._qualified(caller, params)
        config = self._invoke_config(name)
        await self._functions.settled()
        return invoke_config_shape(name, config)

    async def delete_function_event_invoke_config(self, caller: Caller, params: Params) -> Params:
        name = self._qualified(caller, params)
        self._invoke_config(name)
        await self._functions.put_invoke_config(name, None)
        return {}

    async def list_function_event_invoke_configs(self, caller: Caller, params: Params) -> Params:
        name = self._qualified(caller, params)._replace(qualifier=None)
        configs = sorted(self._functions.held(name).function.invoke_configs.items())
        await self._functions.settled()
        return page(
            params,
            "FunctionEventInvokeConfigs",
            configs,
            lambda item: item[0],
            lambda item: invoke_config_shape(name._replace(qualifier=item[0] or None), item[1]),
        )

    def _invoke_config(self, name: FunctionName) -> EventInvokeConfig:
        qualifier = "" if name.qualifier in (None, LATEST) else str(name.qualifier)
        found = self._functions.held(name).function.invoke_configs.get(qualifier)
        if found is None:
            arn = name.arn if name.qualifier else f"{name.arn}:{LATEST}"
            raise NotFound(f"The function {arn} doesn't have an EventInvokeConfig")
        return found

    async def _put_invoke_config(self, name: FunctionName, before: EventInvokeConfig, params: Params) -> Params:
        fields: dict[str, Any] = {"modified_ms": self._clock.now_ms()}
        if "MaximumRetryAttempts" in params:
            fields["retries"] = _within("maximumRetryAttempts", params["MaximumRetryAttempts"], 0, 2)
        if "MaximumEventAgeInSeconds" in params:
            fields["max_age_s"] = _within("maximumEventAgeInSeconds", params["MaximumEventAgeInSeconds"], 60, 21_600)
        destinations = params.get("DestinationConfig") or {}
        for member, field in (("OnSuccess", "on_success"), ("OnFailure", "on_failure")):
            if member in destinations:
                fields[field] = destinations[member].get("Destination") or ""
        config = msgspec.structs.replace(before, **fields)
        await self._functions.put_invoke_config(name, config)
        return invoke_config_shape(name, config)

    # Provisioned concurrency: kept and shown; environments are started on demand

    async def put_provisioned_concurrency_config(self, caller: Caller, params: Params) -> Params:
        name = self._qualified(caller, params)
        if name.qualifier in (None, LATEST):
            raise InvalidParameter(
                "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
            )
        await self._functions.set_provisioned(name, params["ProvisionedConcurrentExecutions"])
        return self._provisioned(name)

    async def get_provisioned_concurrency_config(self, caller: Caller, params: Params) -> Params:
        await self._functions.settled()
        return self._provisioned(self._qualified(caller, params))

    async def delete_provisioned_concurrency_config(self, caller: Caller, params: Params) -> Params:
        await self._functions.set_provisioned(self._qualified(caller, params), None)
        return {}

    def _provisioned(self, name: FunctionName) -> Params:
        amount = self._functions.held(name).function.provisioned.get(name.qualifier or "")
        if amount is None:
            raise NotFound("No Provisioned Concurrency Config found for this function")
        return {
            "RequestedProvisionedConcurrentExecutions": amount,
            "AvailableProvisionedConcurrentExecutions": amount,
            "AllocatedProvisionedConcurrentExecutions": amount,
            "Status": "READY",
        }


def _statement(name: FunctionName, params: Params) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Sid": params["StatementId"],
        "Effect": "Allow",
        "Principal": _principal(params["Principal"]),
        "Action": params["Action"],
        "Resource": name.arn,
    }
    equals = {
        "AWS:SourceAccount": params.get("SourceAccount"),
        "lambda:FunctionUrlAuthType": params.get("FunctionUrlAuthType"),
        "lambda:EventSourceToken": params.get("EventSourceToken"),
        "aws:PrincipalOrgID": params.get("PrincipalOrgID"),
    }
    condition: dict[str, Any] = {}
    if any(equals.values()):
        condition["StringEquals"] = {key: value for key, value in equals.items() if value}
    if params.get("SourceArn"):
        condition["ArnLike"] = {"AWS:SourceArn": params["SourceArn"]}
    if params.get("InvokedViaFunctionUrl") is not None:
        condition["Bool"] = {"lambda:InvokedViaFunctionUrl": str(params["InvokedViaFunctionUrl"]).lower()}
    if condition:
        statement["Condition"] = condition
    return statement


def _principal(text: str) -> Any:
    if text == "*":
        return "*"
    if text.isdigit() and len(text) == 12:
        return {"AWS": f"arn:aws:iam::{text}:root"}
    return {"AWS": text} if text.startswith("arn:") else {"Service": text}


def _within(what: str, value: int, least: int, most: int) -> int:
    if not least <= value <= most:
        raise InvalidParameter(f"Value {value} at '{what}' must be between {least} and {most}.")
    return value
