"""Answers API Gateway (REST and HTTP APIs) and load balancer events from a WSGI application. Placed here by dayfly."""

from __future__ import annotations

import base64
import importlib
import io
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote, unquote_plus, urlencode

_HERE = Path(__file__).resolve().parent
_CONFIG = json.loads((_HERE / ".serverless-wsgi").read_text(encoding="utf-8"))
_TEXT = (
    "application/json",
    "application/javascript",
    "application/xml",
    "application/vnd.api+json",
    "image/svg+xml",
    *_CONFIG.get("text_mime_types", []),
)


def _load(name: str) -> Any:
    """`package/module.app` or `package.module.app`."""
    module, _, attribute = name.rpartition(".")
    path = module.replace("/", ".")
    if str(_HERE) not in sys.path:
        sys.path.insert(0, str(_HERE))
    application: Any = importlib.import_module(path)
    for part in attribute.split(":"):
        application = getattr(application, part)
    return application


_application = _load(_CONFIG["app"])


def handler(event: dict[str, Any], context: Any) -> Any:
    if "httpMethod" not in event and "http" not in event.get("requestContext", {}):
        return {"message": "not an HTTP event"}  # a warm-up call or a schedule
    environ = _environ(event, context)
    answered: dict[str, Any] = {}
    written = io.BytesIO()

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:  # noqa: ARG001 - WSGI's own
        answered.update(status=status, headers=headers)
        return written.write

    parts = _application(environ, start_response)
    try:
        for part in parts:
            written.write(part)
    finally:
        if hasattr(parts, "close"):
            parts.close()
    return _answer(event, answered["status"], answered["headers"], written.getvalue())


def _environ(event: dict[str, Any], context: Any) -> dict[str, Any]:
    request = event.get("requestContext", {})
    second = event.get("version") == "2.0"
    if second:
        method, path = request["http"]["method"], event.get("rawPath") or "/"
        query, address = event.get("rawQueryString") or "", request["http"].get("sourceIp", "")
        headers = {name: [value] for name, value in (event.get("headers") or {}).items()}
        if event.get("cookies"):
            headers["cookie"] = ["; ".join(event["cookies"])]
        stage = request.get("stage", "$default")
        if stage != "$default" and path.startswith(f"/{stage}"):
            path = path[len(stage) + 1 :] or "/"
    else:
        method, path = event["httpMethod"], event.get("path") or "/"
        query = _query(event, escaped="elb" in request)
        address = (request.get("identity") or {}).get("sourceIp", "")
        headers = event.get("multiValueHeaders") or {
            name: [value] for name, value in (event.get("headers") or {}).items()
        }
        stage = request.get("stage", "")
    body = event.get("body") or ""
    raw = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        # WSGI's paths are the bytes of the path, decoded as Latin-1.
        "PATH_INFO": unquote(path, encoding="latin-1"),
        "QUERY_STRING": query,
        "CONTENT_LENGTH": str(len(raw)),
        "REMOTE_ADDR": address,
        "SERVER_NAME": "lambda",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(raw),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "serverless.authorizer": request.get("authorizer"),
        "serverless.event": event,
        "serverless.context": context,
    }
    for name, values in headers.items():
        key = name.upper().replace("-", "_")
        text = ",".join(str(value) for value in values)
        if key == "CONTENT_TYPE":
            environ["CONTENT_TYPE"] = text
        elif key != "CONTENT_LENGTH":
            environ[f"HTTP_{key}"] = text
    environ["wsgi.url_scheme"] = environ.get("HTTP_X_FORWARDED_PROTO", "http")
    environ["SERVER_PORT"] = environ.get("HTTP_X_FORWARDED_PORT", environ["SERVER_PORT"])
    host = environ.get("HTTP_HOST", "lambda")
    environ["SERVER_NAME"] = host.partition(":")[0]
    base = f"/{_CONFIG['strip_base_path']}" if isinstance(_CONFIG.get("strip_base_path"), str) else ""
    if base and environ["PATH_INFO"].startswith(base):
        environ["SCRIPT_NAME"], environ["PATH_INFO"] = base, environ["PATH_INFO"][len(base) :] or "/"
    elif stage and not second and ".execute-api." in host:
        environ["SCRIPT_NAME"] = f"/{stage}"
    return environ


def _query(event: dict[str, Any], escaped: bool) -> str:
    """Version 1 events hold decoded names and values; a load balancer's are still escaped."""
    many = event.get("multiValueQueryStringParameters")
    if not many:
        many = {name: [value] for name, value in (event.get("queryStringParameters") or {}).items()}
    pairs = [(name, value) for name, values in many.items() for value in values]
    if escaped:
        pairs = [(unquote_plus(name), unquote_plus(value)) for name, value in pairs]
    return urlencode(pairs)


def _answer(event: dict[str, Any], status: str, headers: list[tuple[str, str]], body: bytes) -> dict[str, Any]:
    by_name: dict[str, list[str]] = {}
    for name, value in headers:
        by_name.setdefault(name, []).append(value)
    kind = next((values[0] for name, values in by_name.items() if name.lower() == "content-type"), "text/plain")
    packed = any(name.lower() == "content-encoding" for name in by_name)
    text = (kind.startswith("text/") or kind.partition(";")[0].strip() in _TEXT) and not packed
    answer: dict[str, Any] = {"statusCode": int(status.split(" ", 1)[0]), "isBase64Encoded": not text}
    answer["body"] = body.decode(errors="replace") if text else base64.b64encode(body).decode()
    if event.get("version") == "2.0":
        answer["cookies"] = [
            value for name, values in by_name.items() if name.lower() == "set-cookie" for value in values
        ]
        answer["headers"] = {name: ",".join(values) for name, values in by_name.items() if name.lower() != "set-cookie"}
    elif event.get("multiValueHeaders") is not None:
        answer["multiValueHeaders"] = by_name
    else:
        answer["headers"] = {name: values[-1] for name, values in by_name.items()}
    if "elb" in event.get("requestContext", {}):
        answer["statusDescription"] = status
    return answer
