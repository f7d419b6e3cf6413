"""Python functions, on both drivers. https://docs.aws.amazon.com/lambda/latest/dg/python-handler.html"""

# ruff: noqa: E501 - the code of functions stands in strings
from __future__ import annotations

import json
import re
import sys

import pytest
from runtime_bench import invoke_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_an_event_goes_in_and_the_answer_comes_out(bench):
    finished = await bench.run("def handler(event, context): return {'got': event}", {"a": [1, "ü"]})
    assert (json.loads(finished.payload), finished.error, finished.status) == ({"got": {"a": [1, "ü"]}}, None, None)
    assert finished.cold
    assert finished.init_ms is not None
    assert finished.billed_ms >= 1


OLD = """
    import asyncio, base64, collections, inspect, threading, time
    from collections import MutableMapping
    from fractions import gcd
    import xml.etree.cElementTree
    import html.parser

    @asyncio.coroutine
    def later():
        yield from asyncio.sleep(0)
        return "later"

    def given(a, *b, c=1): pass

    def handler(event, context):
        class Own(MutableMapping): pass
        spec = inspect.getargspec(lambda a, b=1: None)
        return [gcd(12, 18), time.clock() >= 0, base64.encodestring(b"x").decode(), spec.args, list(spec.defaults),
                threading.current_thread().isAlive(), asyncio.run(later()), html.parser.HTMLParser().unescape("&lt;")]
"""


async def test_code_for_a_retired_runtime_finds_what_that_had(bench):
    found = await bench.value(OLD, runtime="python3.6")
    assert found == [6, True, "eA==\n", ["a", "b"], [1], True, "later", "<"]


@pytest.mark.parametrize(
    ("runtime", "has"),
    [("python3.9", [True, True, False]), ("python3.10", [False, True, False]), ("python3.12", [False] * 3)],
)
async def test_code_for_a_newer_runtime_does_not(bench, runtime, has):
    code = "import collections, inspect, time\ndef handler(e, c): return [hasattr(collections, 'Mapping'), hasattr(inspect, 'getargspec'), hasattr(time, 'clock')]"
    assert await bench.value(code, runtime=runtime) == has


async def test_the_second_event_finds_a_warm_environment(bench):
    spec = bench.spec("n = 0\ndef handler(event, context):\n    global n\n    n += 1\n    return n")
    answers = [await bench.pool.invoke(spec, invoke_of()) for _ in range(3)]
    assert [answer.payload for answer in answers] == [b"1", b"2", b"3"]
    assert [answer.cold for answer in answers] == [True, False, False]
    assert [answer.init_ms is None for answer in answers] == [False, True, True]
    assert len({answer.log_stream for answer in answers}) == 1


async def test_the_context_has_what_aws_gives(bench):
    code = """
        def handler(event, context):
            return [context.function_name, context.function_version, context.invoked_function_arn, context.memory_limit_in_mb,
                    len(context.aws_request_id), context.log_group_name, context.log_stream_name[:1], context.identity.cognito_identity_id,
                    context.client_context, 0 < context.get_remaining_time_in_millis() <= 3000]
    """
    assert await bench.value(code) == [
        "demo", "$LATEST", "arn:aws:lambda:us-east-1:000000000000:function:demo", "128", 36, "/aws/lambda/demo", "2", None, None, True,
    ]  # fmt: skip


async def test_the_lines_stand_between_start_and_end(bench):
    code = """
        import logging, sys
        print("loading")
        def handler(event, context):
            print("one")
            logging.getLogger().warning("two")
            logging.getLogger().info("not shown")
            print("three", file=sys.stderr)
            sys.stdout.write("no newline")
    """
    finished = await bench.run(code)
    log = [line for line in finished.log if not line.startswith("INIT_START")]
    kinds = [line.split()[0] for line in log]
    assert kinds[kinds.index("START") :] == ["START", "one", "[WARNING]", "three", "no", "END", "REPORT"]
    assert re.fullmatch(
        r"\[WARNING\]\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t[0-9a-f-]{36}\ttwo", log[kinds.index("[WARNING]")]
    )
    assert re.fullmatch(
        r"REPORT RequestId: [0-9a-f-]{36}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB\t"
        r"Max Memory Used: \d+ MB\tInit Duration: [\d.]+ ms\t",
        log[-1],
    )


ERRORS = {
    "raised": ("def handler(e, c): raise ValueError('no')", "app.handler", "ValueError", "no"),
    "missing module": ("import nowhere", "app.handler", "Runtime.ImportModuleError", "Unable to import module 'app': No module named 'nowhere'"),
    "missing file": ("", "gone.handler", "Runtime.ImportModuleError", "Unable to import module 'gone': No module named 'gone'"),
    "missing handler": ("", "app.gone", "Runtime.HandlerNotFound", "Handler 'gone' missing on module 'app'"),
    "syntax": ("def (:", "app.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app': invalid syntax (app.py, line 1)"),
    "bad name": ("", "app", "Runtime.MalformedHandlerName", "Bad handler 'app': not enough values to unpack (expected 2, got 1)"),
    "not JSON": ("def handler(e, c): return {1, 2}", "app.handler", "Runtime.MarshalError", "Unable to marshal response: Object of type set is not JSON serializable"),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
async def test_errors_are_worded_as_on_aws(bench, name):
    code, handler, kind, message = ERRORS[name]
    finished = await bench.run(code, handler=handler)
    document = json.loads(finished.payload)
    assert (finished.error, document["errorType"], document["errorMessage"]) == ("Unhandled", kind, message)
    assert set(document) == {"errorMessage", "errorType", "requestId", "stackTrace"}
    assert any(line.startswith(f"[ERROR] {kind}: ") for line in finished.log)


async def test_a_stack_trace_names_the_functions_own_frames(bench):
    finished = await bench.run("def inner():\n    raise KeyError('x')\ndef handler(e, c):\n    inner()\n")
    trace = json.loads(finished.payload)["stackTrace"]
    assert len(trace) == 2
    assert re.match(r'  File ".*app.py", line 4, in handler\n    inner\(\)\n', trace[0])


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import sys\ndef handler(e, c): sys.exit(3)", "Runtime exited with error: exit status 3"),
        ("import sys\ndef handler(e, c): sys.exit()", "Runtime exited without providing a reason"),
        ("import os\nos._exit(1)", "Runtime exited with error: exit status 1"),
    ],
)
async def test_a_process_that_ends_is_an_exit_error(bench, code, words):
    finished = await bench.run(code)
    document = json.loads(finished.payload)
    assert document["errorType"] == "Runtime.ExitError"
    assert re.fullmatch(f"RequestId: [0-9a-f-]{{36}} Error: {words}", document["errorMessage"])


async def test_at_the_deadline_the_environment_is_killed(bench):
    spec = bench.spec("import time\ndef handler(e, c): print('before', flush=True); time.sleep(e)", timeout_ms=200)
    late = await bench.pool.invoke(spec, invoke_of(60))
    assert json.loads(late.payload)["errorType"] == "Sandbox.Timedout"
    assert json.loads(late.payload)["errorMessage"].endswith("Error: Task timed out after 0.20 seconds")
    assert (late.error, late.status) == ("Unhandled", "timeout")
    assert "before" in late.log
    assert late.log[-1].endswith("\tStatus: timeout\t")
    assert (await bench.pool.invoke(spec, invoke_of(0))).cold


async def test_handlers_live_in_packages_and_folders(bench):
    code = {"src/deep/app.py": "def handler(e, c): return __name__", "src/deep/__init__.py": "", "src/__init__.py": ""}
    assert await bench.value(code, handler="src/deep/app.handler") == "src.deep.app"
    assert await bench.value(code, handler="src.deep.app.handler") == "src.deep.app"


async def test_a_functions_own_modules_stand_before_preloaded_ones(bench):
    code = {
        "app.py": "import queue, jmespath\ndef handler(e, c): return [queue.MINE, jmespath.MINE]",
        "queue.py": "MINE = 1",
        "jmespath.py": "MINE = 2",
    }
    assert await bench.value(code) == [1, 2]


async def test_layers_are_found_and_later_ones_win(bench, tmp_path):
    for name, value in (("one", 1), ("two", 2)):
        (tmp_path / name / "python").mkdir(parents=True)
        (tmp_path / name / "python" / "shared.py").write_text(f"VALUE = {value}")
        (tmp_path / name / "python" / f"only_{name}.py").write_text("")
    code = "import shared, only_one\ndef handler(e, c): return shared.VALUE"
    layers = (tmp_path / "one", tmp_path / "two")
    assert await bench.value(code, layers=layers) == 2
    assert await bench.value(code, layers=(tmp_path / "one",)) == 1


async def test_boto3_is_there_and_nothing_else_of_the_platform(bench):
    code = """
        import importlib, boto3
        def handler(e, c):
            client = boto3.client("sqs", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="y")
            found = [client.meta.service_model.service_name]
            for name in ("moto", "msgspec", "uvloop", "dayfly", "cryptography", "pytest"):
                try:
                    importlib.import_module(name)
                    found.append(name)
                except ImportError:
                    pass
            return found
    """
    assert await bench.value(code, timeout_ms=20_000) == ["sqs"]


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="AWS's runtimes from Python 3.12 on have no setuptools")
async def test_setuptools_is_there_as_in_aws_s_runtimes_of_that_time(bench):
    code = """
        import pkg_resources, setuptools
        def handler(e, c): return pkg_resources.parse_version("1.10") > pkg_resources.parse_version("1.9")
    """
    assert await bench.value(code, timeout_ms=20_000) is True


async def test_the_environment_is_what_aws_defines(bench):
    code = "import os\ndef handler(e, c): return dict(os.environ)"
    seen = await bench.value(code, environment={"MINE": "1", "AWS_REGION": "eu-west-1"})
    assert seen["MINE"] == "1"
    assert seen["_HANDLER"] == "app.handler"
    assert "HOME" not in seen
    assert "VIRTUAL_ENV" not in seen


async def test_large_events_and_answers_pass(bench):
    assert len(await bench.value("def handler(e, c): return e + e", "x" * 3_000_000)) == 6_000_000


async def test_a_flood_is_passed_on_whole_and_remembered_in_part(bench):
    bench.lines.clear()
    finished = await bench.run("def handler(e, c):\n    for i in range(20000): print('line', i)", timeout_ms=20_000)
    assert sum(1 for _, line in bench.lines if line.startswith("line ")) == 20000
    assert "line 19999" in finished.log
    assert sum(map(len, finished.log)) < 70_000


async def test_lines_appear_while_the_function_runs(bench):
    import asyncio

    bench.lines.clear()
    spec = bench.spec("import time\ndef handler(e, c): print('early'); time.sleep(0.5)")
    running = asyncio.ensure_future(bench.pool.invoke(spec, invoke_of()))
    while not any(line == "early" for _, line in bench.lines):
        assert not running.done()
        await asyncio.sleep(0.01)
    await running


async def test_aws_host_names_lead_to_the_platform(bench):
    code = """
        import socket
        def handler(e, c):
            return [socket.getaddrinfo("sqs.eu-west-1.amazonaws.com", 443)[0][4], socket.getaddrinfo("sns.us-east-1.amazonaws.com", "http")[0][4],
                    socket.getaddrinfo("abc.execute-api.localhost", 4566)[0][4]]
    """
    environment = {"DAYFLY_TLS_ADDRESS": "127.0.0.1:4567", "AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}
    assert await bench.value(code, environment=environment) == [
        ["127.0.0.1", 4567],
        ["127.0.0.1", 4566],
        ["127.0.0.1", 4566],
    ]
