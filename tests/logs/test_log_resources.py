"""Log groups and streams of a stack are made, changed and taken away through the API."""

from __future__ import annotations

import pytest

from dayfly.api.logs import CloudWatchLogs
from dayfly.api.registry import Registry
from dayfly.app.resources import Replace, Site
from dayfly.app.resources.logs import TYPES
from dayfly.clock import ManualClock
from dayfly.identity import Caller, Scope
from dayfly.ids import SeededIds
from dayfly.logs import GroupNotFound, Logs
from dayfly.store.memory import MemoryJournal

HERE = Scope("000000000000", "eu-west-1")
GROUP = TYPES["AWS::Logs::LogGroup"]
STREAM = TYPES["AWS::Logs::LogStream"]
FILTER = TYPES["AWS::Logs::SubscriptionFilter"]


@pytest.fixture
def logs() -> Logs:
    return Logs(journal=MemoryJournal(), clock=ManualClock(), ids=SeededIds())


@pytest.fixture
def site(logs: Logs) -> Site:
    api = CloudWatchLogs(logs=logs, journal=MemoryJournal(), clock=ManualClock())
    registry = Registry({"logs": lambda: api}, clock=ManualClock(), ids=SeededIds())
    caller = Caller(scope=HERE)
    stack_id = HERE.arn("cloudformation", "stack/app/0123456789abcdef")
    return Site(caller=caller, stack="app", stack_id=stack_id, call=registry.call, endpoint="http://127.0.0.1:4566")


async def test_a_group_is_made_changed_and_deleted(site: Site, logs: Logs) -> None:
    before = {"LogGroupName": "/a", "RetentionInDays": "7", "Tags": [{"Key": "k", "Value": "v"}]}
    made = await GROUP.create(site, "Group", before)
    assert made.id == "/a"
    assert made.attributes == {"Arn": "arn:aws:logs:eu-west-1:000000000000:log-group:/a:*"}
    assert (logs.group(HERE, "/a").retention_days, logs.group(HERE, "/a").tags) == (7, {"k": "v"})
    after = {"LogGroupName": "/a", "Tags": [{"Key": "l", "Value": "w"}]}
    await GROUP.update(site, made, before, after, "Group")
    assert (logs.group(HERE, "/a").retention_days, logs.group(HERE, "/a").tags) == (None, {"l": "w"})
    with pytest.raises(Replace):
        await GROUP.update(site, made, after, {"LogGroupName": "/b"}, "Group")
    await GROUP.delete(site, made, after)
    with pytest.raises(GroupNotFound):
        logs.group(HERE, "/a")
    await GROUP.delete(site, made, after)


async def test_a_group_and_a_stream_without_names_get_one_of_the_stack(site: Site, logs: Logs) -> None:
    group = await GROUP.create(site, "Group", {})
    assert group.id == "app-Group-0123456789ab"
    stream = await STREAM.create(site, "Stream", {"LogGroupName": group.id})
    assert [one.name for one in logs.streams(HERE, group.id)] == [stream.id]
    await STREAM.delete(site, stream, {"LogGroupName": group.id})
    assert logs.streams(HERE, group.id) == []


async def test_a_subscription_filter_is_made_changed_and_deleted(site: Site, logs: Logs) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-logs-subscriptionfilter.html"""
    function = HERE.arn("lambda", "function:f")
    before = {"LogGroupName": "/not-yet-there", "FilterPattern": "ERROR", "DestinationArn": function}
    made = await FILTER.create(site, "Errors", before)
    assert made.id.startswith("app-Errors-")
    after = {**before, "FilterPattern": "WARN"}
    assert await FILTER.update(site, made, before, after, "Errors") == made
    (kept,) = logs.filters(HERE, "/not-yet-there")
    assert (kept.name, kept.pattern, kept.destination) == (made.id, "WARN", function)
    with pytest.raises(Replace):
        await FILTER.update(site, made, after, {**after, "FilterName": "named"}, "Errors")
    await FILTER.delete(site, made, after)
    assert logs.filters(HERE, "/not-yet-there") == []
    await FILTER.delete(site, made, after)
