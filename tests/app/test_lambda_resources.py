"""Functions, rules and roles as a stack makes them."""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "functions"))
from bench import CALLER, SCOPE, Bench

from dayfly.api.events import Events
from dayfly.api.registry import Registry
from dayfly.api.scheduler import Scheduler
from dayfly.app.resources import Replace, Site, inert, lambda_
from dayfly.app.resources import events as events_types
from dayfly.buses import Buses
from dayfly.schedules import Schedules

TYPES = {**lambda_.TYPES, **events_types.TYPES, **inert.TYPES}
FUNCTION = {
    "Handler": "app.handler",
    "Runtime": "python3.12",
    "Timeout": "6",
    "Role": "arn:aws:iam::000000000000:role/r",
}


@pytest.fixture
def world(tmp_path):
    bench = Bench(tmp_path / "code")
    doors = {"journal": bench.journal, "clock": bench.clock, "ids": bench.ids}
    buses = Buses(**doors, send=bench.targets.send)
    schedules = Schedules(**doors, send=bench.targets.send)
    registry = Registry(
        {
            "lambda": lambda: bench.api,
            "events": lambda: Events(buses=buses, **doors),
            "scheduler": lambda: Scheduler(schedules=schedules, journal=bench.journal),
        },
        clock=bench.clock,
        ids=bench.ids,
    )
    source = tmp_path / "src"
    source.mkdir()
    bench.buses, bench.schedules = buses, schedules
    bench.site = Site(
        caller=CALLER,
        stack="shop-dev",
        stack_id="arn:aws:cloudformation:us-east-1:000000000000:stack/shop-dev/0123456789abcdef",
        call=registry.call,
        endpoint="http://127.0.0.1:4566",
        code={"Mounted": source},
    )
    return bench


async def make(world, kind, logical_id="It", **properties):
    return await TYPES[kind].create(world.site, logical_id, properties)


async def test_a_function_runs_from_its_mounted_directory(world):
    made = await make(world, "AWS::Lambda::Function", "Mounted", **FUNCTION, Environment={"Variables": {"FLAG": True}})
    assert made.id.startswith("shop-dev-Mounted-")
    assert made.attributes["Arn"].endswith(f":function:{made.id}")
    latest = world.functions.catalogue.find(SCOPE, made.id).latest
    assert latest.code.directory == str(world.site.code["Mounted"])
    assert (latest.timeout_s, latest.environment) == (6, {"FLAG": "true"})


async def test_inline_code_becomes_an_index_file(world):
    made = await make(world, "AWS::Lambda::Function", **{**FUNCTION, "Code": {"ZipFile": "x = 1"}})
    code = world.functions.catalogue.find(SCOPE, made.id).latest.code
    archive = zipfile.ZipFile(io.BytesIO(world.functions._code.zip_of(code)))
    assert archive.namelist() == ["index.py"]


async def test_a_function_is_updated_in_place_and_what_the_template_dropped_is_cleared(world):
    before = {**FUNCTION, "Code": {"ZipFile": "x = 1"}, "Description": "old", "ReservedConcurrentExecutions": 2}
    after = {**FUNCTION, "Code": {"ZipFile": "x = 2"}, "MemorySize": 512}
    made = await make(world, "AWS::Lambda::Function", **before)
    kind = TYPES["AWS::Lambda::Function"]
    await kind.update(world.site, made, before, after, "It")
    held = world.functions.catalogue.find(SCOPE, made.id)
    assert (held.latest.description, held.latest.memory_mb, held.function.reserved) == ("", 512, None)
    with pytest.raises(Replace):
        await kind.update(world.site, made, after, {**after, "FunctionName": "other"}, "It")
    await kind.delete(world.site, made, after)
    await kind.delete(world.site, made, after)
    assert world.functions.catalogue.find(SCOPE, made.id) is None


async def test_what_hangs_on_a_function(world):
    function = await make(world, "AWS::Lambda::Function", **{**FUNCTION, "Code": {"ZipFile": "x = 1"}})
    version = await make(world, "AWS::Lambda::Version", FunctionName=function.id)
    assert (version.id, version.attributes["Version"]) == (f"{function.attributes['Arn']}:1", "1")
    alias = await make(world, "AWS::Lambda::Alias", FunctionName=function.id, FunctionVersion="1", Name="live")
    assert alias.id == f"{function.attributes['Arn']}:live"
    url = await make(world, "AWS::Lambda::Url", TargetFunctionArn=function.attributes["Arn"], AuthType="NONE")
    assert url.attributes["FunctionUrl"].endswith(".lambda-url.us-east-1.localhost:4566/")
    permission = {"FunctionName": function.id, "Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com"}
    allowed = await make(world, "AWS::Lambda::Permission", **permission)
    await TYPES["AWS::Lambda::Permission"].update(world.site, allowed, permission, permission, "It")
    config = {"FunctionName": function.id, "Qualifier": "$LATEST", "MaximumRetryAttempts": "0"}
    await make(world, "AWS::Lambda::EventInvokeConfig", **config)
    assert world.functions.catalogue.find(SCOPE, function.id).function.invoke_configs[""].retries == 0
    for kind, physical, properties in (
        ("EventInvokeConfig", function, config),
        ("Permission", allowed, permission),
        ("Url", url, {"TargetFunctionArn": function.id}),
        ("Alias", alias, {}),
        ("Version", version, {}),
    ):
        await TYPES[f"AWS::Lambda::{kind}"].delete(world.site, physical, properties)
    held = world.functions.catalogue.find(SCOPE, function.id)
    assert list(held.versions) == ["$LATEST"]
    assert not held.function.aliases
    assert not held.function.urls


async def test_layers_are_versions(world):
    made = await make(world, "AWS::Lambda::LayerVersion", "Mounted", LayerName="deps", Content="ignored")
    assert made.id == "arn:aws:lambda:us-east-1:000000000000:layer:deps:1"
    allowed = await make(
        world,
        "AWS::Lambda::LayerVersionPermission",
        LayerVersionArn=made.id,
        Action="lambda:GetLayerVersion",
        Principal="*",
    )
    await TYPES["AWS::Lambda::LayerVersionPermission"].delete(world.site, allowed, {})
    await TYPES["AWS::Lambda::LayerVersion"].delete(world.site, made, {})


async def test_rules_keep_to_their_targets(world):
    target = {"Id": "1", "Arn": "arn:aws:sqs:us-east-1:000000000000:q", "Input": {"a": 1}}
    before = {"ScheduleExpression": "rate(1 minute)", "Targets": [target, {**target, "Id": "2"}]}
    made = await make(world, "AWS::Events::Rule", **before)
    assert made.attributes["Arn"].endswith(f":rule/{made.id}")
    after = {**before, "Targets": [target]}
    await TYPES["AWS::Events::Rule"].update(world.site, made, before, after, "It")
    assert world.buses.rule(SCOPE, "default", made.id).targets["1"].input == '{"a":1}'
    assert list(world.buses.rule(SCOPE, "default", made.id).targets) == ["1"]
    await TYPES["AWS::Events::Rule"].delete(world.site, made, after)
    assert world.buses.rules(SCOPE, "default") == []


async def test_schedules_and_groups(world):
    group = await make(world, "AWS::Scheduler::ScheduleGroup", Name="g")
    properties = {
        "GroupName": group.id,
        "ScheduleExpression": "rate(1 hour)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {
            "Arn": "arn:aws:lambda:us-east-1:000000000000:function:f",
            "RoleArn": "arn:aws:iam::000000000000:role/r",
        },
    }
    made = await make(world, "AWS::Scheduler::Schedule", **properties)
    assert made.attributes["Arn"].endswith(f":schedule/g/{made.id}")
    await TYPES["AWS::Scheduler::Schedule"].update(
        world.site, made, properties, {**properties, "State": "DISABLED"}, "It"
    )
    assert not world.schedules.schedule(SCOPE, "g", made.id).enabled
    await TYPES["AWS::Scheduler::Schedule"].delete(world.site, made, properties)
    await TYPES["AWS::Scheduler::ScheduleGroup"].delete(world.site, group, {})


async def test_every_inert_type_resolves_and_says_that_nothing_has_an_effect(world):
    for name, kind in inert.TYPES.items():
        made = await kind.create(world.site, "It", {})
        assert made.id, name
        assert "{" not in made.id + "".join(str(value) for value in made.attributes.values()), name
        assert "Anything" in kind.ignored
        await kind.delete(world.site, made, {})
