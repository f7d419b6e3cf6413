"""The CloudWatch Logs API answers in AWS's shapes, pages and errors."""

from __future__ import annotations

import pytest

from dayfly.api import Params, Refused
from dayfly.api.logs import CloudWatchLogs
from dayfly.api.registry import Registry
from dayfly.clock import ManualClock
from dayfly.errors import Unsupported
from dayfly.identity import Caller, Scope
from dayfly.ids import SeededIds
from dayfly.logs import Logs
from dayfly.store.memory import MemoryJournal

CALLER = Caller(scope=Scope("000000000000", "eu-west-1"))
NAMES = {"logGroupName": "/aws/lambda/f", "logStreamName": "s"}
GROUP = {"logGroupName": "/aws/lambda/f"}
ARN = "arn:aws:logs:eu-west-1:000000000000:log-group:/aws/lambda/f"
FUNCTION = "arn:aws:lambda:eu-west-1:000000000000:function:shipper"
OWN = "arn:aws:lambda:eu-west-1:000000000000:function:f"
FILTER = {**GROUP, "filterName": "errors", "filterPattern": "ERROR", "destinationArn": FUNCTION}


class Client:
    def __init__(self) -> None:
        journal, self.clock = MemoryJournal(), ManualClock()
        self.logs = Logs(journal=journal, clock=self.clock, ids=SeededIds())
        functions = {FUNCTION: "/aws/lambda/shipper", OWN: GROUP["logGroupName"]}
        api = CloudWatchLogs(
            logs=self.logs, journal=journal, clock=self.clock, log_group_of=lambda _, arn: functions.get(arn)
        )
        self.registry = Registry({"logs": lambda: api}, clock=self.clock, ids=SeededIds())

    async def __call__(self, operation: str, **params) -> Params:
        return await self.registry.call(CALLER, "logs", operation, params)

    async def error(self, operation: str, **params) -> str:
        with pytest.raises(Refused) as caught:
            await self(operation, **params)
        return caught.value.code

    async def put(self, *texts: str, **options) -> Params:
        events = [{"timestamp": self.clock.now_ms() + at, "message": text} for at, text in enumerate(texts)]
        return await self("PutLogEvents", **NAMES, logEvents=events, **options)


@pytest.fixture
async def client() -> Client:
    client = Client()
    await client("CreateLogGroup", **GROUP, tags={"team": "a"})
    await client("CreateLogStream", **NAMES)
    return client


async def test_events_put_are_got_with_tokens_that_go_both_ways(client: Client) -> None:
    await client.put(*"abcdef")
    page = await client("GetLogEvents", **NAMES, limit=2, startFromHead=True)
    assert [event["message"] for event in page["events"]] == ["a", "b"]
    assert page["events"][0]["ingestionTime"] == client.clock.now_ms()
    assert page["nextForwardToken"].startswith("f/")
    assert len(page["nextForwardToken"]) == 58
    page = await client("GetLogEvents", **NAMES, limit=2, nextToken=page["nextForwardToken"])
    assert [event["message"] for event in page["events"]] == ["c", "d"]
    back = await client("GetLogEvents", **NAMES, limit=2, nextToken=page["nextBackwardToken"])
    assert [event["message"] for event in back["events"]] == ["a", "b"]
    last = await client("GetLogEvents", **NAMES, limit=2)
    assert [event["message"] for event in last["events"]] == ["e", "f"]
    # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html: "If you have reached
    # the end of the stream, it returns the same token you passed in."
    end = await client("GetLogEvents", **NAMES, nextToken=last["nextForwardToken"])
    assert (end["events"], end["nextForwardToken"]) == ([], last["nextForwardToken"])


async def test_filtering_pages_through_all_streams(client: Client) -> None:
    await client.put("ERROR 1", "ok", "ERROR 2")
    client.logs.write(CALLER.scope, "/aws/lambda/f", "t", [(client.clock.now_ms() + 1, "ERROR 3")])
    found, token = [], {}
    while True:
        page = await client("FilterLogEvents", **GROUP, filterPattern="ERROR", limit=1, **token)
        found += [(event["logStreamName"], event["message"]) for event in page["events"]]
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert found == [("s", "ERROR 1"), ("t", "ERROR 3"), ("s", "ERROR 2")]
    everything = await client("FilterLogEvents", logGroupIdentifier=ARN)
    assert len({event["eventId"] for event in everything["events"]}) == 4
    narrowed = await client("FilterLogEvents", **GROUP, logStreamNames=["t"], endTime=client.clock.now_ms() + 1)
    assert [event["message"] for event in narrowed["events"]] == ["ERROR 3"]


async def test_groups_are_described_in_pages(client: Client) -> None:
    for name in ("b", "a", "/aws/lambda/g"):
        await client("CreateLogGroup", logGroupName=name)
    await client("PutRetentionPolicy", **GROUP, retentionInDays=7)
    first = await client("DescribeLogGroups", limit=3)
    assert [group["logGroupName"] for group in first["logGroups"]] == ["/aws/lambda/f", "/aws/lambda/g", "a"]
    assert first["logGroups"][0]["retentionInDays"] == 7
    assert first["logGroups"][0]["arn"] == ARN + ":*"
    rest = await client("DescribeLogGroups", limit=3, nextToken=first["nextToken"])
    assert [group["logGroupName"] for group in rest["logGroups"]] == ["b"]
    assert "nextToken" not in rest
    await client("DeleteRetentionPolicy", **GROUP)
    lambdas = await client("DescribeLogGroups", logGroupNamePrefix="/aws/lambda/")
    assert ["retentionInDays" in group for group in lambdas["logGroups"]] == [False, False]


async def test_streams_are_described_by_name_or_last_event(client: Client) -> None:
    await client("CreateLogStream", **GROUP, logStreamName="a")
    await client.put("x")
    by_name = await client("DescribeLogStreams", **GROUP)
    assert [stream["logStreamName"] for stream in by_name["logStreams"]] == ["a", "s"]
    assert by_name["logStreams"][1]["lastEventTimestamp"] == client.clock.now_ms()
    newest = await client("DescribeLogStreams", **GROUP, orderBy="LastEventTime", descending=True, limit=1)
    assert [stream["logStreamName"] for stream in newest["logStreams"]] == ["s"]
    await client("DeleteLogStream", **NAMES)
    assert len((await client("DescribeLogStreams", **GROUP))["logStreams"]) == 1


async def test_tags_are_kept_by_arn_and_by_name(client: Client) -> None:
    await client("TagResource", resourceArn=ARN, tags={"stage": "dev"})
    await client("UntagLogGroup", **GROUP, tags=["team"])
    assert (await client("ListTagsForResource", resourceArn=ARN))["tags"] == {"stage": "dev"}
    assert (await client("ListTagsLogGroup", **GROUP))["tags"] == {"stage": "dev"}


async def test_errors_are_those_of_aws(client: Client) -> None:
    assert await client.error("CreateLogGroup", **GROUP) == "ResourceAlreadyExistsException"
    assert await client.error("CreateLogStream", **NAMES) == "ResourceAlreadyExistsException"
    missing = {"logGroupName": "none", "logStreamName": "s"}
    for operation in ("GetLogEvents", "DeleteLogStream", "CreateLogStream"):
        assert await client.error(operation, **missing) == "ResourceNotFoundException"
    assert await client.error("DeleteLogGroup", logGroupName="none") == "ResourceNotFoundException"
    assert await client.error("GetLogEvents", **GROUP, logStreamName="none") == "ResourceNotFoundException"
    assert await client.error("GetLogEvents", **NAMES, nextToken="x/1") == "InvalidParameterException"
    assert await client.error("FilterLogEvents", **GROUP, filterPattern='"') == "InvalidParameterException"
    assert await client.error("PutRetentionPolicy", **GROUP, retentionInDays=2) == "InvalidParameterException"
    backwards = [{"timestamp": client.clock.now_ms() - at, "message": "m"} for at in range(2)]
    assert await client.error("PutLogEvents", **NAMES, logEvents=backwards) == "InvalidParameterException"


async def test_what_is_not_supported_says_so(client: Client) -> None:
    with pytest.raises((Unsupported, Refused), match="space-delimited filter pattern"):
        await client("FilterLogEvents", **GROUP, filterPattern="[ip, user]")


async def test_events_too_old_or_too_new_are_rejected_by_index(client: Client) -> None:
    now_ms = client.clock.now_ms()
    times = [now_ms - 15 * 86_400_000, now_ms, now_ms + 3 * 3_600_000]
    events = [{"timestamp": at, "message": str(number)} for number, at in enumerate(times)]
    answer = await client("PutLogEvents", **NAMES, logEvents=events)
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 2}
    kept = await client("GetLogEvents", **NAMES)
    assert [event["message"] for event in kept["events"]] == ["1"]


async def test_subscription_filters_are_put_described_and_deleted(client: Client) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeSubscriptionFilters.html"""
    await client("PutSubscriptionFilter", **FILTER)
    described = {**FILTER, "distribution": "ByLogStream", "creationTime": client.clock.now_ms()}
    assert await client("DescribeSubscriptionFilters", **GROUP) == {"subscriptionFilters": [described]}
    assert await client("DescribeSubscriptionFilters", **GROUP, filterNamePrefix="x") == {"subscriptionFilters": []}
    await client("PutSubscriptionFilter", **FILTER | {"filterName": "more"})
    page = await client("DescribeSubscriptionFilters", **GROUP, limit=1)
    assert [one["filterName"] for one in page["subscriptionFilters"]] == ["errors"]
    page = await client("DescribeSubscriptionFilters", **GROUP, limit=1, nextToken=page["nextToken"])
    assert [one["filterName"] for one in page["subscriptionFilters"]] == ["more"]
    assert await client.error("PutSubscriptionFilter", **FILTER | {"filterName": "third"}) == "LimitExceededException"
    await client("DeleteSubscriptionFilter", **GROUP, filterName="errors")
    gone = await client.error("DeleteSubscriptionFilter", **GROUP, filterName="errors")
    assert gone == "ResourceNotFoundException"


@pytest.mark.parametrize(
    ("changed", "code", "words"),
    [
        ({"logGroupName": "/none"}, "ResourceNotFoundException", "log group does not exist"),
        ({"destinationArn": FUNCTION + "s"}, "InvalidParameterException", "Could not execute the lambda function"),
        # Said by AWS, which otherwise leaves preventing loops to its users:
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Subscriptions-recursion-prevention.html
        ({"destinationArn": OWN}, "InvalidParameterException", "reserved for the function logs"),
        ({"destinationArn": "arn:aws:logs:eu-west-1:1:destination:d"}, "UnsupportedOperation", "destination:d"),
        ({"filterPattern": "%[0-9]%"}, "UnsupportedOperation", "regular-expression"),
        ({"emitSystemFields": ["@aws.region"]}, "UnsupportedOperation", "emitSystemFields"),
    ],
)
async def test_subscription_filters_that_cannot_be_are_refused(
    client: Client, changed: dict[str, object], code: str, words: str
) -> None:
    with pytest.raises(Refused, match=words) as refused:
        await client("PutSubscriptionFilter", **FILTER | changed)
    assert refused.value.code == code
