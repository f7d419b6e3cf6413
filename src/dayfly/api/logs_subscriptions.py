"""Subscription filters of log groups.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutSubscriptionFilter.html
"""

from __future__ import annotations

from collections.abc import Callable

from dayfly.api import Params
from dayfly.api.logs_pages import page_of, with_token
from dayfly.errors import Unsupported
from dayfly.identity import Caller, Scope, parse_arn
from dayfly.identity.names import InvalidArn
from dayfly.logs import InvalidParameter, Logs, SubscriptionFilter
from dayfly.store import Journal

LogGroupOf = Callable[[Scope, str], str | None]
"""(scope, a function's ARN) → the group that it logs to; None where there is no such function."""
_ONLY_TRANSFORMED = ("applyOnTransformedLogs", "fieldSelectionCriteria", "emitSystemFields")


class SubscriptionFilters:
    """PutSubscriptionFilter, DescribeSubscriptionFilters, DeleteSubscriptionFilter."""

    def __init__(self, logs: Logs, journal: Journal, log_group_of: LogGroupOf | None) -> None:
        self._logs = logs
        self._journal = journal
        self._log_group_of = log_group_of

    async def put_subscription_filter(self, caller: Caller, params: Params) -> Params:
        for name in _ONLY_TRANSFORMED:
            if params.get(name):
                raise Unsupported(f"{name} of a subscription filter is not supported yet.")
        group, destination = params["logGroupName"], params["destinationArn"]
        await self._logs.flush()  # which makes the group of a function that has only just logged
        self._logs.group(caller.scope, group)
        self._check_function(caller.scope, group, destination)
        changes = self._logs.put_filter(
            caller.scope,
            group,
            params["filterName"],
            pattern=params["filterPattern"],
            destination=destination,
            role=params.get("roleArn") or "",
            distribution=params.get("distribution") or "ByLogStream",
        )
        await self._journal.commit(changes)
        return {}

    def _check_function(self, scope: Scope, group: str, destination: str) -> None:
        """A function that were told of its own lines would be told for ever: AWS refuses that, too."""
        try:
            if self._log_group_of is None or parse_arn(destination).service != "lambda":
                return
        except InvalidArn:
            return  # refused in a moment, with everything else that is no destination
        own = self._log_group_of(scope, destination)
        if own is None:
            raise InvalidParameter(
                "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute "
                "your function."
            )
        if own == group:
            raise InvalidParameter(
                "The log group provided is reserved for the function logs of the destination function."
            )

    async def describe_subscription_filters(self, caller: Caller, params: Params) -> Params:
        await self._logs.flush()
        prefix = params.get("filterNamePrefix") or ""
        every = self._logs.filters(caller.scope, params["logGroupName"])
        chosen = [one for one in every if one.name.startswith(prefix)]
        page, token = page_of(chosen, params, lambda one: one.name)
        return with_token({"subscriptionFilters": [_described(one) for one in page]}, token)

    async def delete_subscription_filter(self, caller: Caller, params: Params) -> Params:
        changes = self._logs.delete_filter(caller.scope, params["logGroupName"], params["filterName"])
        await self._journal.commit(changes)
        return {}


def _described(one: SubscriptionFilter) -> Params:
    """https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_SubscriptionFilter.html"""
    described: Params = {
        "filterName": one.name,
        "logGroupName": one.group,
        "filterPattern": one.pattern,
        "destinationArn": one.destination,
        "distribution": one.distribution,
        "creationTime": one.created_ms,
    }
    return described | ({"roleArn": one.role} if one.role else {})
