"""Node functions, on both drivers. https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html"""

# ruff: noqa: E501 - the code of functions stands in strings
from __future__ import annotations

import json
import re
import shutil

import pytest
from runtime_bench import invoke_of

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.node,
    pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed"),
]

ANSWERS = {
    "async": ({"app.js": "exports.handler = async (event) => ({ got: event });"}, {"got": 7}),
    "promise": ({"app.js": "exports.handler = (event) => new Promise((r) => setTimeout(() => r(event), 5));"}, 7),
    "callback": ({"app.js": "exports.handler = (e, c, callback) => callback(null, 'called');"}, "called"),
    "a callback within a promise": (
        {"app.js": "exports.handler = async (e, c, callback) => { await null; callback(null, 'called'); };"},
        "called",
    ),
    "a callback within a chain": (
        {"app.js": "exports.handler = (e, c, callback) => Promise.resolve(1).then((n) => callback(null, n + 1));"},
        2,
    ),
    "a callback waits for an empty loop": (
        {
            "app.js": "let n = 0; exports.handler = (e, c, cb) => { setTimeout(() => { n = 1; }, 20); cb(null, { toJSON: () => n }); };"
        },
        1,
    ),
    "unless told not to": (
        {
            "app.js": "exports.handler = (e, c, cb) => { c.callbackWaitsForEmptyEventLoop = false; setTimeout(() => {}, 60000); cb(null, 1); };"
        },
        1,
    ),
    "succeed": ({"app.js": "exports.handler = (e, c) => c.succeed('s');"}, "s"),
    "done": ({"app.js": "exports.handler = (e, c) => c.done(null, 'd');"}, "d"),
    "a plain return value is not an answer": ({"app.js": "exports.handler = () => 42;"}, None),
    "undefined is null": ({"app.js": "exports.handler = async () => {};"}, None),
    "ES module": (
        {"app.mjs": "import fs from 'fs'; export const handler = async () => typeof fs.existsSync;"},
        "function",
    ),
    "type module": (
        {"app.js": "export const handler = async () => 'esm';", "package.json": '{"type": "module"}'},
        "esm",
    ),
    "cjs": ({"app.cjs": "exports.handler = async () => 'cjs';"}, "cjs"),
    "default export": ({"app.mjs": "export default { handler: async () => 'default' };"}, "default"),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_handlers_of_all_kinds_answer(bench, name):
    files, expected = ANSWERS[name]
    assert await bench.value(files, 7, family="node") == expected


async def test_handlers_live_in_folders_and_may_be_nested(bench):
    code = {"src/fn.js": "exports.api = { get: async () => 'nested' };"}
    assert await bench.value(code, family="node", handler="src/fn.api.get") == "nested"


async def test_console_lines_have_lambdas_form(bench):
    finished = await bench.run(
        {"app.js": "exports.handler = async () => { console.log('a %d', 1); console.error({ b: 2 }); };"}, family="node"
    )
    start = next(index for index, line in enumerate(finished.log) if line.startswith("START"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t[0-9a-f-]{36}\tINFO\ta 1", finished.log[start + 1])
    assert finished.log[start + 2].endswith("\tERROR\t{ b: 2 }")


async def test_the_context_has_what_aws_gives(bench):
    code = "exports.handler = async (e, c) => [c.functionName, c.functionVersion, c.memoryLimitInMB, c.awsRequestId.length, c.getRemainingTimeInMillis() > 0];"
    assert await bench.value({"app.js": code}, family="node") == ["demo", "$LATEST", "128", 36, True]


ERRORS = {
    "thrown": ("exports.handler = async () => { throw new TypeError('no'); };", "TypeError", "no"),
    "thrown synchronously": ("exports.handler = () => { throw new RangeError('far'); };", "RangeError", "far"),
    "callback": ("exports.handler = (e, c, cb) => cb('plain');", "string", "plain"),
    "missing module": ("require('nowhere');", "Runtime.ImportModuleError", "Error: Cannot find module 'nowhere'"),
    "syntax": ("exports.handler = (;", "Runtime.UserCodeSyntaxError", "SyntaxError: Unexpected token ';'"),
    "missing handler": ("", "Runtime.HandlerNotFound", "app.handler is undefined or not exported"),
    "unhandled rejection": (
        "exports.handler = async () => { Promise.reject(new Error('lost')); await new Promise((r) => setTimeout(r, 50)); };",
        "Runtime.UnhandledPromiseRejection",
        "Error: lost",
    ),
    "a promise that nothing settles": (
        "exports.handler = async () => new Promise(() => {});",
        "Runtime.NodeJsExit",
        (
            "The Lambda runtime client detected an unexpected Node.js exit code. This is most commonly caused by a "
            "Promise that was never settled. For more information, see "
            "https://nodejs.org/docs/latest/api/process.html#exit-codes"
        ),
    ),
    "uncaught": ("exports.handler = () => { setTimeout(() => { throw new Error('late'); }, 1); };", "Error", "late"),
}


@pytest.mark.parametrize("name", ERRORS)
async def test_errors_are_worded_as_on_aws(bench, name):
    code, kind, message = ERRORS[name]
    finished = await bench.run({"app.js": code}, family="node")
    document = json.loads(finished.payload)
    assert (finished.error, document["errorType"], document["errorMessage"].split("\n")[0]) == (
        "Unhandled",
        kind,
        message,
    )
    assert isinstance(document["trace"], list)


async def test_a_process_that_exits_is_an_exit_error(bench):
    finished = await bench.run({"app.js": "exports.handler = async () => process.exit(2);"}, family="node")
    assert json.loads(finished.payload)["errorMessage"].endswith("Error: Runtime exited with error: exit status 2")


async def test_a_streamed_answer_comes_in_chunks_after_its_prelude(bench):
    code = """
        exports.handler = awslambda.streamifyResponse(async (event, stream, context) => {
          stream = awslambda.HttpResponseStream.from(stream, { statusCode: 201 });
          stream.write('a');
          await new Promise((resolve) => setTimeout(resolve, 20));
          stream.write('b');
          stream.end();
        });
    """
    chunks: list[bytes] = []
    finished = await bench.run({"app.js": code}, family="node", on_chunk=chunks.append)
    assert chunks[-1] == b"b"
    assert len(chunks) > 2
    assert b"".join(chunks) == b'{"statusCode":201}' + bytes(8) + b"ab"
    assert finished.content_type == "application/vnd.awslambda.http-integration-response"
    whole = await bench.run({"app.js": code}, family="node")
    assert whole.payload == b"".join(chunks)


async def test_layers_are_found_by_require_and_import(bench, tmp_path):
    package = tmp_path / "nodejs" / "node_modules" / "shared"
    package.mkdir(parents=True)
    (package / "index.js").write_text("exports.value = 5;")
    (package / "package.json").write_text('{"name": "shared", "main": "index.js"}')
    required = {"app.js": "const shared = require('shared'); exports.handler = async () => shared.value;"}
    imported = {"app.mjs": "import shared from 'shared'; export const handler = async () => shared.value;"}
    assert await bench.value(required, family="node", layers=(tmp_path,)) == 5
    assert await bench.value(imported, family="node", layers=(tmp_path,)) == 5


async def test_aws_host_names_lead_to_the_platform(bench):
    import asyncio

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        host = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"host:"))
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(host), host))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    code = """
        const http = require('http');
        const get = (url) => new Promise((resolve, reject) => http.get(url, (response) => {
          let text = ''; response.on('data', (part) => { text += part; }); response.on('end', () => resolve(text)); }).on('error', reject));
        exports.handler = async (port) => [await get('http://sqs.eu-west-1.amazonaws.com/'), await get(`http://api.localhost:${port}/`),
          await (await fetch('http://sns.eu-west-1.amazonaws.com/')).text()];
    """
    environment = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
    seen = await bench.value({"app.js": code}, port, family="node", environment=environment)
    assert [line.lower() for line in seen] == [
        "host: sqs.eu-west-1.amazonaws.com",
        f"host: api.localhost:{port}",
        "host: sns.eu-west-1.amazonaws.com",
    ]
    server.close()


async def test_a_warm_environment_is_used_again(bench):
    spec = bench.spec({"app.js": "let n = 0; exports.handler = async () => ++n;"}, family="node")
    assert [(await bench.pool.invoke(spec, invoke_of())).payload for _ in range(3)] == [b"1", b"2", b"3"]
    bench.pool.retire(spec.key)


async def test_version_2_of_the_sdk_signs_urls_for_the_platform(bench):
    # Stands in for aws-sdk: its core has a configuration once all is loaded, and its files require each other.
    files = {
        "app.js": "const warned = []; process.on('warning', one => warned.push(one.message));\n"
        "const AWS = require('aws-sdk'); exports.handler = async () => ({ s3: AWS.config.s3, warned });",
        "node_modules/aws-sdk/package.json": '{"main": "lib/aws.js"}',
        "node_modules/aws-sdk/lib/aws.js": "const AWS = require('./core'); module.exports = AWS;",
        "node_modules/aws-sdk/lib/core.js": "require('./service'); exports.config = {};",
        "node_modules/aws-sdk/lib/service.js": "require('../lib/core');",
    }
    value = await bench.value(files, family="node", environment={"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"})
    assert value == {"s3": {"endpoint": "http://127.0.0.1:4566", "s3ForcePathStyle": True}, "warned": []}
