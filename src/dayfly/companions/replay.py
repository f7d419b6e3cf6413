"""Which requests change a companion's state, and how they are kept to be repeated.

Only moto needs this: it keeps all in memory. An endpoint that the user named keeps its own.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qs

import msgspec

from dayfly.front.messages import Headers, Request

PREFIX = "companions/"
DIGITS = 12

_READS = re.compile(
    r"^(Get|List|Describe|Query|Scan|BatchGet|TransactGet|Head|Search|Filter|Test|Validate|Lookup|Simulate|Estimate"
    r"|Detect|Encrypt|Decrypt|ReEncrypt|GenerateDataKey|GenerateRandom|GenerateMac|VerifyMac|Sign$|Verify$|SelectObject)"
)
_RUNS = re.compile(r"^(Start(Sync)?Execution|StopExecution|RedriveExecution|SendTask(Success|Failure|Heartbeat))$")
"""Executions act on the world: repeating them would act again, so they are forgotten with the process instead."""
_DRAWS_IDS = re.compile(r"^(Create|Put(Secret|Parameter)|SignUp|AdminCreate|Start|Run|Register|Allocate)")
_UNKEPT_HEADERS = frozenset({"connection", "accept-encoding", "expect", "user-agent", "amz-sdk-request"})


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """One call to repeat. `seed`, where not 0, is what moto's random numbers were seeded with just before it."""

    account: str
    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    seed: int = 0
    service: str = ""


def key_of(number: int) -> str:
    return f"{PREFIX}{number:0{DIGITS}d}"


def number_of(key: str) -> int:
    return int(key.removeprefix(PREFIX))


def operation(request: Request) -> str:
    """The operation's name where the request says it (JSON and query protocols), else ''."""
    target = request.header("x-amz-target")
    if target:
        return target.rpartition(".")[2]
    named = dict(request.query).get("Action", "")
    if not named and request.header("content-type").startswith("application/x-www-form-urlencoded"):
        named = parse_qs(request.body[:4096].decode("latin-1")).get("Action", [""])[0]
    if not named and "/operation/" in request.raw_path:
        named = request.raw_path.rpartition("/operation/")[2]
    return named


def changes_state(request: Request, operation_name: str) -> bool:
    if _RUNS.match(operation_name):
        return False
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return bool(operation_name) and not _READS.match(operation_name)
    return not (operation_name and _READS.match(operation_name))


def draws_ids(operation_name: str) -> bool:
    """Whether it likely makes random ids, which must come out the same when repeated."""
    return bool(operation_name) and _DRAWS_IDS.match(operation_name) is not None


def kept(account: str, service: str, request: Request, headers: Headers, seed: int) -> bytes:
    used = [(name, value) for name, value in headers if name.lower() not in _UNKEPT_HEADERS]
    return msgspec.msgpack.encode(Kept(account, request.method, request.target, used, request.body, seed, service))


def read(value: bytes) -> Kept:
    return msgspec.msgpack.decode(value, type=Kept)
