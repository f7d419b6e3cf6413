"""The page itself, with the address of the WebSocket API in it."""

import os
from pathlib import Path

PAGE = Path(__file__).parents[1] / "page" / "index.html"


def socket_url():
    endpoint = os.environ["WEBSOCKET_ENDPOINT"]
    local = os.environ.get("AWS_ENDPOINT_URL")
    if local:
        # Away from AWS a browser cannot resolve the API's own name; ask where the SDKs ask.
        host, _, stage = endpoint.removeprefix("https://").partition("/")
        return f"{local.replace('http', 'ws', 1)}/_aws/execute-api/{host.partition('.')[0]}/{stage}"
    return endpoint.replace("https://", "wss://", 1)


def handler(event, context):
    page = PAGE.read_text(encoding="utf-8").replace("{{SOCKET}}", socket_url())
    return {"statusCode": 200, "headers": {"content-type": "text/html; charset=utf-8"}, "body": page}
