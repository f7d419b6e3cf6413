"""Serves events to a Python handler, as AWS's Python runtime does; runs in a forked child of the zygote.

Context object: https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
Logging: https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
Errors: https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html
"""

from __future__ import annotations

import fcntl
import importlib
import io
import json
import logging
import os
import signal
import socket
import struct
import sys
import termios
import time
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

import python_redirect  # type: ignore[import-not-found]
import python_retired  # type: ignore[import-not-found]

_EVENT = struct.Struct(">IHHHI")
_HEAD = struct.Struct(">IB")
_NO_BYTES = bytes(4)
_SDK = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")
_base_modules: set[str] = set()


def remember_base_modules() -> None:
    """What this file needs may not be replaced by a function's module of the same name; what is preloaded may."""
    _base_modules.update(sys.modules)


def die_with_parent() -> None:
    import ctypes

    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)


class Channel:
    """Frames to and from the platform: 4 bytes of length, one of kind, the body."""

    def __init__(self, fd: int) -> None:
        self.socket = socket.socket(fileno=fd)
        self.buffer = b""

    def receive(self) -> tuple[int, bytes]:
        buffer = self.buffer
        while len(buffer) < 5:
            buffer += self.more()
        end = 4 + int.from_bytes(buffer[:4], "big")
        if len(buffer) < end:
            parts, size = [buffer], len(buffer)
            while size < end:
                part = self.more()
                parts.append(part)
                size += len(part)
            buffer = b"".join(parts)
        self.buffer = buffer[end:]
        return buffer[4], buffer[5:end]

    def more(self) -> bytes:
        data = self.socket.recv(65536)
        if not data:
            os._exit(0)  # the platform let go of this environment
        return data

    def send(self, kind: bytes, body: bytes = b"") -> None:
        self.socket.sendall(_HEAD.pack(len(body) + 1, kind[0]) + body)


class Fault(Exception):
    """An error of the code's own that keeps the handler from being called."""

    def __init__(self, kind: str, message: str, stack: list[str] | None = None) -> None:
        super().__init__(message)
        self.kind, self.stack = kind, stack or []


class CognitoIdentity:
    cognito_identity_id = None
    cognito_identity_pool_id = None


class ClientContext:
    def __init__(self, document: dict[str, Any]) -> None:
        self.custom = document.get("custom")
        self.env = document.get("env")
        self.client = Client(document["client"]) if document.get("client") else None


class Client:
    def __init__(self, document: dict[str, Any]) -> None:
        for name in ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name"):
            setattr(self, name, document.get(name))


class LambdaContext:
    def __init__(self, init: dict[str, Any], request_id: str, arn: str, client_context: bytes, deadline: float) -> None:
        self.aws_request_id = request_id
        self.invoked_function_arn = arn
        self.function_name = init["name"]
        self.function_version = init["version"]
        self.memory_limit_in_mb = str(init["memory_mb"])
        self.log_group_name = init["log_group"]
        self.log_stream_name = init["log_stream"]
        self.client_context = ClientContext(json.loads(client_context)) if client_context else None
        self.identity = CognitoIdentity()
        self.tenant_id = None
        self._deadline = deadline

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._deadline - time.monotonic()) * 1000))

    def log(self, message: object) -> None:
        sys.stdout.write(str(message))

    def __repr__(self) -> str:
        fields = ("aws_request_id", "log_group_name", "log_stream_name", "function_name", "memory_limit_in_mb",
                  "function_version", "invoked_function_arn", "client_context", "identity", "tenant_id")  # fmt: skip
        return "LambdaContext([" + ",".join(f"{name}={getattr(self, name)}" for name in fields) + "])"


_current_request = ""


class _RequestIdFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.aws_request_id = _current_request
        return True


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        document: dict[str, Any] = {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            "requestId": _current_request,
        }
        if record.exc_info and record.exc_info[0]:
            document["errorType"] = record.exc_info[0].__name__
            document["errorMessage"] = str(record.exc_info[1])
            document["stackTrace"] = traceback.format_tb(record.exc_info[2])
        return json.dumps(document, default=str)


class _StdoutHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to whatever sys.stdout is at the moment, so that captured output is captured."""

    @property
    def stream(self) -> object:
        return sys.stdout

    @stream.setter
    def stream(self, _: object) -> None:
        pass


def configure_logging() -> None:
    handler = _StdoutHandler()
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON":
        handler.setFormatter(_JsonFormatter())
    else:
        text = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
        formatter = logging.Formatter(text, "%Y-%m-%dT%H:%M:%S")
        formatter.converter = time.gmtime
        handler.setFormatter(formatter)
    handler.addFilter(_RequestIdFilter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    level = {"TRACE": "DEBUG", "WARN": "WARNING", "FATAL": "CRITICAL"}.get(level, level)
    if level in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
        root.setLevel(level)


def set_paths(init: dict[str, Any], stdlib: list[str]) -> None:
    task, opt = init["task"], init["opt"]
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    layered = [f"{opt}/python/lib/{version}/site-packages", f"{opt}/python"] if opt else []
    own = [part for part in os.environ.get("PYTHONPATH", "").split(":") if part]
    sys.path[:] = [task, *own, *layered, *stdlib]
    forget_shadowed([task, *own, *layered])
    importlib.invalidate_caches()


def forget_shadowed(directories: list[str]) -> None:
    """Let modules of the function's own stand before preloaded ones of the same name."""
    names: set[str] = set()
    for directory in directories:
        try:
            entries = os.listdir(directory)
        except OSError:
            continue
        names.update(entry.partition(".")[0] for entry in entries if "-" not in entry)
    shadowed = {name for name in names if name in sys.modules and name not in _base_modules}
    if not shadowed:
        return
    if shadowed.intersection(_SDK):
        shadowed.update(_SDK)  # one vendored part with our other parts would be a mixture of versions
    for name in list(sys.modules):
        if name.partition(".")[0] in shadowed:
            del sys.modules[name]


def load_handler(handler: str) -> object:
    """Find `module.function`, `dir/module.function` or `package.module.function`."""
    module_name, dot, function_name = handler.rpartition(".")
    if not dot:
        message = f"Bad handler '{handler}': not enough values to unpack (expected 2, got 1)"
        raise Fault("Runtime.MalformedHandlerName", message)
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from error
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {(error.text or "").rstrip()}\n']
        raise Fault("Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}", trace) from error
    try:
        return getattr(module, function_name)
    except AttributeError as error:
        message = f"Handler '{function_name}' missing on module '{module_name}'"
        raise Fault("Runtime.HandlerNotFound", message) from error


def own_frames(trace: TracebackType | None) -> list[str]:
    """The stack below this file and the import machinery."""
    entries = traceback.extract_tb(trace)
    index = 0
    while index < len(entries) and (
        entries[index].filename == __file__
        or entries[index].filename.startswith("<frozen importlib")
        or entries[index].filename.endswith("importlib/__init__.py")
    ):
        index += 1
    return traceback.format_list(entries[index:])


def describe(error: BaseException) -> tuple[str, str, list[str]]:
    if isinstance(error, Fault):
        return error.kind, str(error), error.stack
    return type(error).__name__, str(error), own_frames(error.__traceback__)


def error_document(error: BaseException, request_id: str) -> bytes:
    kind, message, stack = describe(error)
    lines = [f"[ERROR] {kind}: {message}"]
    if stack or isinstance(error, Fault):
        lines.append("Traceback (most recent call last):")
        lines.extend(entry.rstrip("\n") for entry in stack)
    try:
        sys.stdout.write("\n".join(lines) + "\n")
    except (ValueError, OSError):
        lines.clear()  # the function closed its standard output
    document = {"errorMessage": message, "errorType": kind, "requestId": request_id, "stackTrace": stack}
    return json.dumps(document).encode()


def _fallback(value: object) -> object:
    import decimal

    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _encoder(runtime: str) -> json.JSONEncoder:
    ascii_only = runtime in {f"python3.{minor}" for minor in range(6, 12)}
    return json.JSONEncoder(ensure_ascii=ascii_only, default=_fallback)


def flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (ValueError, OSError, AttributeError):
            continue


def open_streams() -> None:
    for name, fd in (("stdout", 1), ("stderr", 2)):
        raw = io.FileIO(fd, "w", closefd=False)
        stream = io.TextIOWrapper(raw, "utf-8", "backslashreplace", line_buffering=True, write_through=True)
        setattr(sys, name, stream)


def rehearse() -> None:
    """Do once what a start and an event do, while nobody waits: a fork copies its pages on first touch."""
    names = dict(os.environ)
    os.environ.update({f"REHEARSED_{number}": "1" for number in range(40)})
    os.environ.clear()
    os.environ.update(names)
    document = json.loads(json.dumps({"a": [1, 2.5, None, True, "x" * 200]}))
    configure_logging()
    sink: dict[str, Any] = {}
    exec(
        compile("import json, os\nclass A:\n  def f(self): return 1\ndef handler(e, c): return e", "rehearsal", "exec"),
        sink,
    )
    init = {"name": "", "version": "", "memory_mb": 1, "log_group": "", "log_stream": ""}
    context = LambdaContext(init, "", "", b"", time.monotonic())
    context.get_remaining_time_in_millis()
    _encoder("python3.11").encode(sink["handler"](document, context)).encode("utf-8", "surrogatepass")
    importlib.invalidate_caches()
    try:
        importlib.import_module("dayfly_rehearsal_of_an_import")
    except ImportError:
        sink.clear()
    _EVENT.unpack_from(bytes(64))
    logging.getLogger().handlers.clear()


def run(fd: int, options: dict[str, Any]) -> None:
    """Wait for the function's description, load it, serve events until the channel closes."""
    channel = Channel(fd)
    sys.dont_write_bytecode = True
    printed = os.dup(1)  # the pipe itself, whatever a function makes of its standard output
    open_streams()
    python_redirect.install()
    channel.send(b"H")
    _, body = channel.receive()
    started = time.perf_counter()
    init = json.loads(body)
    os.environ.clear()
    os.environ.update(init["env"])
    if "TZ" in init["env"]:
        time.tzset()
    os.chdir(init["task"])
    set_paths(init, options["path"])
    configure_logging()
    python_retired.install(init["runtime"])
    sys.argv = ["/var/runtime/bootstrap.py"]
    handler: object = None
    fault: BaseException | None = None
    try:
        handler = load_handler(init["handler"])
    except SystemExit as leaving:
        flush()
        os._exit(exit_status(leaving))
    except BaseException as error:
        fault = error
    flush()
    os.write(1, b"\x1edayfly-initialised\n")
    micros = int((time.perf_counter() - started) * 1e6)
    channel.send(b"D", struct.pack(">BI", fault is None, micros))
    serve(channel, init, handler, fault, printed)


def exit_status(leaving: SystemExit) -> int:
    if leaving.code is None:
        return 0
    return leaving.code & 255 if isinstance(leaving.code, int) else 1


def is_empty(pipe: int) -> bool:
    """Whether all that was written into it has been read."""
    try:
        return fcntl.ioctl(pipe, termios.FIONREAD, _NO_BYTES) == _NO_BYTES
    except OSError:
        return False


def trace_setter() -> Callable[[str], None]:
    """What sets _X_AMZN_TRACE_ID for the code of this process.

    The C library keeps every value that a variable ever had, and this one has another for each event: only Python's
    own table is changed, where it is the one we know. A program that the function starts does not see it.
    """
    table: object = getattr(os.environ, "_data", None)
    if not isinstance(table, dict) or b"_HANDLER" not in table:
        return lambda trace_id: os.environ.__setitem__("_X_AMZN_TRACE_ID", trace_id)
    return lambda trace_id: table.__setitem__(b"_X_AMZN_TRACE_ID", trace_id.encode())


def serve(channel: Channel, init: dict[str, Any], handler: object, fault: BaseException | None, printed: int) -> None:
    global _current_request
    encode = _encoder(init["runtime"]).encode
    loads = json.loads
    set_trace = trace_setter()
    stdout, stderr = sys.stdout, sys.stderr
    size = _EVENT.size
    while True:
        _, body = channel.receive()
        timeout_ms, id_size, arn_size, trace_size, client_size = _EVENT.unpack_from(body)
        deadline = time.monotonic() + timeout_ms / 1000
        at = size + id_size
        request_id = body[size:at].decode()
        arn = body[at : (at := at + arn_size)].decode()
        trace_id = body[at : (at := at + trace_size)].decode()
        client_context = body[at : (at := at + client_size)]
        _current_request = request_id
        if trace_id:
            set_trace(trace_id)
        kind, answer = b"R", b""
        try:
            if fault is not None:
                raise fault
            context = LambdaContext(init, request_id, arn, client_context, deadline)
            try:
                event = loads(str(body[at:], "utf-8"))
            except ValueError as error:
                raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from error
            result = handler(event, context)  # type: ignore[operator]
            try:
                answer = encode(result).encode("utf-8", "surrogatepass")
            except (TypeError, ValueError, RecursionError) as error:
                raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}") from error
        except SystemExit as leaving:
            flush()
            os._exit(exit_status(leaving))
        except BaseException as error:
            kind, answer = b"F", error_document(error, request_id)
            if fault is None:
                error.__traceback__ = None  # keep nothing of the call alive
        if sys.stdout is not stdout or sys.stderr is not stderr:
            flush()  # ours write through; what a function put in their place may not
        if kind == b"R" and is_empty(printed):
            kind = b"Q"
        channel.send(kind, answer)


def run_custom(fd: int) -> None:
    """Wait for the description, then become the function's own `bootstrap` executable."""
    channel = Channel(fd)
    channel.send(b"H")
    _, body = channel.receive()
    init = json.loads(body)
    os.chdir(init["task"])
    os.set_inheritable(fd, True)  # stays open: its closing tells the platform of the end
    for path in (f"{init['task']}/bootstrap", f"{init['opt']}/bootstrap" if init["opt"] else ""):
        if path and os.path.exists(path):
            try:
                os.execve(path, [path], init["env"])
            except OSError as error:
                os.write(2, f"{path} cannot be executed: {error.strerror}\n".encode())
                os._exit(126)
    os.write(2, b"Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]\n")
    os._exit(127)
