"""Names, versions, aliases, limits: what an event's way to a function depends on."""

from __future__ import annotations

import asyncio

import pytest
from bench import SCOPE, Bench

from dayfly.api import Refused
from dayfly.functions import FunctionNotFound, TooManyRequests
from dayfly.functions.errors import RequestTooLarge
from dayfly.runtime import Finished

ARN = "arn:aws:lambda:us-east-1:000000000000:function:greet"


async def test_a_function_answers_by_name_partial_and_full_arn(bench):
    await bench.create()
    for name in ("greet", "000000000000:function:greet", ARN, "greet:$LATEST", f"{ARN}:$LATEST"):
        outcome = await bench.functions.invoke(SCOPE, name, b'{"a":1}', source="invoke")
        assert outcome.payload == b'{"a":1}'
        assert outcome.executed_version == "$LATEST"


async def test_a_missing_function_is_named_as_aws_names_it(bench):
    with pytest.raises(FunctionNotFound, match=f"Function not found: {ARN}$"):
        await bench.functions.invoke(SCOPE, "greet", b"{}", source="invoke")


async def test_the_environment_has_what_aws_defines_and_the_users_variables(bench):
    await bench.create(Environment={"Variables": {"STAGE": "dev"}}, MemorySize=256)
    await bench.functions.invoke(SCOPE, "greet", b"{}", source="invoke")
    environment = bench.invoker.seen[0][0].environment
    assert environment["AWS_REGION"] == "us-east-1"
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert environment["AWS_ACCESS_KEY_ID"] == "000000000000"
    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert environment["STAGE"] == "dev"


async def test_a_warm_function_keeps_its_spec_until_its_configuration_changes(bench):
    await bench.create()
    for _ in range(2):
        await bench.functions.invoke(SCOPE, "greet", b"{}", source="invoke")
    first, second = (spec for spec, _ in bench.invoker.seen)
    assert first is second
    await bench.call("UpdateFunctionConfiguration", FunctionName="greet", Timeout=9)
    assert bench.invoker.retired == [first.key]
    await bench.functions.invoke(SCOPE, "greet", b"{}", source="invoke")
    assert bench.invoker.seen[-1][0].timeout_ms == 9000
    assert bench.invoker.seen[-1][0].key != first.key


async def test_an_alias_runs_its_version_and_says_so(bench):
    await bench.create(Publish=True)
    await bench.call("CreateAlias", FunctionName="greet", Name="live", FunctionVersion="1")
    outcome = await bench.functions.invoke(SCOPE, "greet", b"{}", source="invoke", qualifier="live")
    assert outcome.executed_version == "1"
    assert bench.invoker.seen[-1][1].invoked_arn == f"{ARN}:live"


async def test_a_weighted_alias_shares_its_traffic(bench):
    await bench.create(Publish=True)
    await bench.call("UpdateFunctionConfiguration", FunctionName="greet", Timeout=9, Description="two")
    await bench.call("PublishVersion", FunctionName="greet")
    weights = {"AdditionalVersionWeights": {"2": 0.3}}
    await bench.call("CreateAlias", FunctionName="greet", Name="live", FunctionVersion="1", RoutingConfig=weights)
    ran = [(await bench.functions.invoke(SCOPE, "greet:live", b"{}", source="x")).executed_version for _ in range(200)]
    assert 30 < ran.count("2") < 90


async def test_reserved_concurrency_of_zero_throttles_everything(bench):
    await bench.create()
    await bench.call("PutFunctionConcurrency", FunctionName="greet", ReservedConcurrentExecutions=0)
    with pytest.raises(Refused) as refused:
        await bench.call("Invoke", FunctionName="greet")
    assert refused.value.code == "TooManyRequestsException"


async def test_reserved_concurrency_holds_over_versions_and_is_given_back(bench):
    await bench.create(Publish=True)
    await bench.call("PutFunctionConcurrency", FunctionName="greet", ReservedConcurrentExecutions=1)
    bench.invoker.gate = asyncio.Event()
    first = asyncio.ensure_future(bench.functions.invoke(SCOPE, "greet", b"{}", source="x"))
    await asyncio.sleep(0)
    with pytest.raises(TooManyRequests) as throttled:
        await bench.functions.invoke(SCOPE, "greet:1", b"{}", source="x")
    assert throttled.value.reason == "ReservedFunctionConcurrentInvocationLimitExceeded"
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    bench.invoker.gate.set()
    await bench.functions.invoke(SCOPE, "greet:1", b"{}", source="x")


async def test_a_payload_beyond_the_limit_is_refused(bench):
    await bench.create()
    with pytest.raises(RequestTooLarge, match="limit 6291456 bytes"):
        await bench.functions.invoke(SCOPE, "greet", b" " * 6291457, source="x")
    with pytest.raises(RequestTooLarge, match="limit 1048576 bytes"):
        bench.functions.enqueue(SCOPE, "greet", b" " * 1048577, source="x")


async def test_every_invocation_is_metered(bench):
    await bench.create()
    bench.invoker.answer = lambda *_: Finished(payload=b"1", cold=True, init_ms=2.5, billed_ms=3)
    outcome = await bench.functions.invoke(SCOPE, "greet", b"{}", source="sqs")
    (note,) = bench.notes.invocations
    assert (note.function, note.source, note.cold, note.billed_ms) == ("greet", "sqs", True, 3)
    assert note.request_id == outcome.request_id


async def test_touching_a_directory_lets_warm_environments_go(bench, tmp_path):
    (tmp_path / "src").mkdir()
    code = {"S3Bucket": "dayfly-local", "S3Key": str(tmp_path / "src")}
    await bench.create(Code=code)
    await bench.create("other")
    for name in ("greet", "other"):
        await bench.functions.invoke(SCOPE, name, b"{}", source="x")
    old = bench.invoker.seen[0][0].key
    assert bench.functions.touch(tmp_path / "src" / "app.py") == ["greet"]
    assert bench.invoker.retired == [old]
    await bench.functions.invoke(SCOPE, "greet", b"{}", source="x")
    assert bench.invoker.seen[-1][0].key != old


async def test_functions_aliases_and_layers_are_there_after_a_restart(bench, tmp_path):
    await bench.create(Publish=True, Tags={"team": "a"})
    await bench.call("CreateAlias", FunctionName="greet", Name="live", FunctionVersion="1")
    again = Bench(tmp_path / "code", records=bench.journal.records)
    held = again.functions.catalogue.find(SCOPE, "greet")
    before = bench.functions.catalogue.find(SCOPE, "greet")
    assert held is not None
    assert held.function == before.function
    assert held.versions == before.versions
    outcome = await again.functions.invoke(SCOPE, "greet:live", b"7", source="x")
    assert outcome.payload == b"7"
