"""Hand-built https URLs of AWS reach the platform's TLS listener, with certificates that the function trusts."""

# ruff: noqa: E501 - the code of functions stands in strings
from __future__ import annotations

import asyncio
import json
import shutil

import pytest
from runtime_bench import invoke_of, open_bench

from dayfly.clock import SystemClock
from dayfly.runtime.authority import Authority

PYTHON = """
    import urllib.request
    def handler(event, context):
        return urllib.request.urlopen("https://sqs.eu-west-1.amazonaws.com/").read().decode()
"""
NODE = """
    exports.handler = async () => [
      await (await fetch('https://sqs.eu-west-1.amazonaws.com/')).text(),
      await new Promise((resolve, reject) => require('https').get('https://sns.eu-west-1.amazonaws.com/', (response) => {
        let text = ''; response.on('data', (part) => { text += part; }); response.on('end', () => resolve(text)); }).on('error', reject)),
    ];
"""


@pytest.mark.parametrize("isolation", ["namespace", "process"])
async def test_https_to_aws_host_names_is_answered_by_the_platform(tmp_path, isolation):
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        host = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"host:"))[6:]
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(host), host))
        await writer.drain()
        writer.close()

    authority = Authority(directory=tmp_path / "tls", clock=SystemClock())
    authority.prepare()
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=authority.server_context())
    port = server.sockets[0].getsockname()[1]
    trusted = (authority.certificate, authority.bundle)
    bench = await open_bench(tmp_path, isolation, visible=trusted, ca_bundle=authority.certificate)
    environment = {"DAYFLY_TLS_ADDRESS": f"127.0.0.1:{port}", "SSL_CERT_FILE": str(authority.bundle)}
    try:
        assert await bench.value(PYTHON, environment=environment, timeout_ms=20_000) == "sqs.eu-west-1.amazonaws.com"
        if shutil.which("node"):
            spec = bench.spec({"app.js": NODE}, family="node", environment=environment, timeout_ms=20_000)
            finished = await bench.pool.invoke(spec, invoke_of())
            assert json.loads(finished.payload) == ["sqs.eu-west-1.amazonaws.com", "sns.eu-west-1.amazonaws.com"]
    finally:
        await bench.pool.close(1)
        server.close()
