"""EventBridge and EventBridge Scheduler as boto3 sees them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError
from in_process import client

from dayfly.api.events import Events
from dayfly.api.registry import Registry
from dayfly.api.scheduler import Scheduler
from dayfly.buses import Buses
from dayfly.clock import SystemClock
from dayfly.ids import RandomIds
from dayfly.schedules import Schedules
from dayfly.store.memory import MemoryJournal

GREET = "arn:aws:lambda:eu-west-1:000000000000:function:greet"


@pytest.fixture
def sent():
    return []


@pytest.fixture
def registry(sent):
    clock, ids, journal = SystemClock(), RandomIds(), MemoryJournal()

    def send(scope, delivery):
        sent.append(delivery)
        return ()

    buses = Buses(journal=journal, clock=clock, ids=ids, send=send)
    schedules = Schedules(journal=journal, clock=clock, ids=ids, send=send)
    return Registry(
        {
            "events": lambda: Events(buses=buses, journal=journal, clock=clock, ids=ids),
            "scheduler": lambda: Scheduler(schedules=schedules, journal=journal),
        },
        clock=clock,
        ids=ids,
    )


@pytest.fixture
def events(registry):
    return client(registry, "events")


@pytest.fixture
def scheduler(registry):
    return client(registry, "scheduler")


def code_of(raised):
    return raised.value.response["Error"]["Code"]


def test_a_rule_takes_events_to_its_targets(events, sent):
    arn = events.put_rule(Name="orders", EventPattern='{"source":["shop"]}', Tags=[{"Key": "a", "Value": "1"}])[
        "RuleArn"
    ]
    assert arn == "arn:aws:events:eu-west-1:000000000000:rule/orders"
    transformer = {"InputPathsMap": {"n": "$.detail.n"}, "InputTemplate": '{"number": <n>}'}
    answer = events.put_targets(Rule="orders", Targets=[{"Id": "1", "Arn": GREET, "InputTransformer": transformer}])
    assert answer["FailedEntryCount"] == 0
    entry = {"Source": "shop", "DetailType": "Order", "Detail": json.dumps({"n": 7})}
    answer = events.put_events(Entries=[entry, {**entry, "Source": "bank"}, {"Source": "x"}, {**entry, "Detail": "7"}])
    assert answer["FailedEntryCount"] == 2
    assert [entry.get("ErrorCode") for entry in answer["Entries"]] == [None, None, "InvalidArgument", "MalformedDetail"]
    assert [(delivery.arn, delivery.payload) for delivery in sent] == [(GREET, b'{"number": 7}')]
    assert events.list_targets_by_rule(Rule="orders")["Targets"][0]["InputTransformer"] == transformer
    assert events.list_rule_names_by_target(TargetArn=GREET)["RuleNames"] == ["orders"]
    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "a", "Value": "1"}]


def test_rules_are_described_switched_listed_and_deleted(events):
    events.put_rule(Name="often", ScheduleExpression="rate(5 minutes)", Description="d")
    shown = events.describe_rule(Name="often")
    assert (shown["State"], shown["ScheduleExpression"], shown["Description"]) == ("ENABLED", "rate(5 minutes)", "d")
    events.disable_rule(Name="often")
    assert [rule["State"] for rule in events.list_rules(NamePrefix="of")["Rules"]] == ["DISABLED"]
    events.delete_rule(Name="often")
    with pytest.raises(ClientError) as raised:
        events.describe_rule(Name="often")
    assert code_of(raised) == "ResourceNotFoundException"


def test_what_is_not_valid_is_refused(events):
    with pytest.raises(ClientError) as raised:
        events.put_rule(Name="r", ScheduleExpression="rate(5 minute)")
    assert code_of(raised) == "ValidationException"
    with pytest.raises(ClientError) as raised:
        events.put_rule(Name="r", EventPattern='{"source":"shop"}')
    assert code_of(raised) == "InvalidEventPatternException"


def test_buses(events):
    arn = events.create_event_bus(Name="shop", Description="d")["EventBusArn"]
    assert events.describe_event_bus(Name="shop")["Arn"] == arn
    assert [bus["Name"] for bus in events.list_event_buses()["EventBuses"]] == ["default", "shop"]
    events.tag_resource(ResourceARN=arn, Tags=[{"Key": "a", "Value": "1"}])
    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "a", "Value": "1"}]
    events.delete_event_bus(Name="shop")
    with pytest.raises(ClientError) as raised:
        events.describe_event_bus(Name="shop")
    assert code_of(raised) == "ResourceNotFoundException"


def test_a_pattern_can_be_tried(events):
    event = json.dumps({"source": "shop", "id": "1", "account": "1", "time": "t", "region": "r", "resources": []})
    assert events.test_event_pattern(EventPattern='{"source":["shop"]}', Event=event)["Result"]
    assert not events.test_event_pattern(EventPattern='{"source":["bank"]}', Event=event)["Result"]


def test_schedules_are_created_shown_changed_and_deleted(scheduler):
    target = {"Arn": GREET, "RoleArn": "arn:aws:iam::000000000000:role/r", "Input": "{}"}
    given = {
        "Name": "s",
        "ScheduleExpression": "cron(0 9 * * ? *)",
        "ScheduleExpressionTimezone": "Europe/Berlin",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": target,
    }
    end = datetime(2099, 1, 1, tzinfo=UTC)
    arn = scheduler.create_schedule(**given, EndDate=end)["ScheduleArn"]
    assert arn == "arn:aws:scheduler:eu-west-1:000000000000:schedule/default/s"
    shown = scheduler.get_schedule(Name="s")
    assert (shown["Target"], shown["State"], shown["EndDate"]) == (target, "ENABLED", end)
    assert shown["ScheduleExpressionTimezone"] == "Europe/Berlin"
    scheduler.update_schedule(**given, State="DISABLED")
    (summary,) = scheduler.list_schedules()["Schedules"]
    assert (summary["State"], summary["Target"]) == ("DISABLED", {"Arn": GREET})
    with pytest.raises(ClientError) as raised:
        scheduler.create_schedule(**given)
    assert code_of(raised) == "ConflictException"
    scheduler.delete_schedule(Name="s")
    with pytest.raises(ClientError) as raised:
        scheduler.get_schedule(Name="s")
    assert code_of(raised) == "ResourceNotFoundException"


def test_schedule_groups(scheduler):
    arn = scheduler.create_schedule_group(Name="g", Tags=[{"Key": "a", "Value": "1"}])["ScheduleGroupArn"]
    assert scheduler.get_schedule_group(Name="g")["State"] == "ACTIVE"
    assert scheduler.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "1"}]
    assert [group["Name"] for group in scheduler.list_schedule_groups()["ScheduleGroups"]] == ["default", "g"]
    scheduler.delete_schedule_group(Name="g")
    with pytest.raises(ClientError) as raised:
        scheduler.get_schedule_group(Name="g")
    assert code_of(raised) == "ResourceNotFoundException"
