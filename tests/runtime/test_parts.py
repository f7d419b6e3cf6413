"""The parts without processes: frames, lines, reports, names, code, SDK scan, eviction, certificates."""

# ruff: noqa: E501 - the code of functions stands in strings
from __future__ import annotations

import asyncio
import io
import json
import socket
import ssl
import threading
import zipfile
from pathlib import Path

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st
from runtime_bench import invoke_of

from dayfly.clock import SystemClock
from dayfly.errors import Unsupported
from dayfly.runtime import code, frames, names, report, sdk
from dayfly.runtime.authority import Authority
from dayfly.runtime.environment import Environment
from dayfly.runtime.evict import Idle, choose
from dayfly.runtime.lines import Lines
from dayfly.runtime.shim import seccomp


@given(bodies=st.lists(st.binary(max_size=40)), cuts=st.integers(1, 9))
def test_frames_come_out_as_they_went_in_however_they_are_cut(bodies, cuts):
    stream = b"".join(frames.encode(b"R", body) for body in bodies)
    reader = frames.FrameReader()
    got = [frame for at in range(0, len(stream), cuts) for frame in reader.feed(stream[at : at + cuts])]
    assert got == [(82, body) for body in bodies]


def test_an_event_frame_holds_its_strings_and_payload():
    invoke = invoke_of("ü", trace_id="Root=1", client_context=b"{}")
    ((kind, body),) = frames.FrameReader().feed(frames.encode_event(invoke, 3000))
    assert kind == ord("E")
    assert body.endswith(invoke.request_id.encode() + invoke.invoked_arn.encode() + b"Root=1{}" + invoke.payload)


@given(text=st.text(st.characters(exclude_characters="\r\n", codec="utf-8")), cut=st.integers(1, 5))
def test_lines_come_out_whole_however_they_are_cut(text, cut):
    raw = (text + "\n" + text).encode()
    lines = Lines()
    got = [line for at in range(0, len(raw), cut) for line in lines.feed(raw[at : at + cut])]
    assert got + lines.end() == [text] + ([text] if text else [])


def test_billing_rounds_up_and_counts_the_initialisation():
    assert report.billed_ms(0.0, None) == 1
    assert report.billed_ms(1.01, None) == 2
    assert report.billed_ms(1.5, 100.2) == 102


def test_an_end_by_signal_is_named():
    assert b"signal: killed" in report.exited("r", -9)[0]
    assert b"signal: segmentation fault" in report.exited("r", -11)[0]


def test_runtime_names_lead_to_families(tmp_path):
    assert [names.family_of(name) for name in ("python3.8", "python2.7", "provided.al2", "go1.x")] == [
        "python",
        "python",
        "provided",
        "provided",
    ]
    with pytest.raises(Unsupported, match="java21"):
        names.family_of("java21", tmp_path)
    (tmp_path / "bootstrap").write_text("")
    assert names.family_of("java21", tmp_path) == "provided"


def zip_of(*entries: tuple[str, bytes, int]) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as bundle:
        for name, content, mode in entries:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            bundle.writestr(info, content)
    return raw.getvalue()


def test_an_archive_is_unpacked_once_with_its_modes(tmp_path):
    archive = zip_of(("a/app.py", b"x", 0o600), ("bootstrap", b"y", 0o755))
    place = code.unpack(archive, tmp_path)
    assert place == code.unpack(archive, tmp_path)
    assert (place / "a/app.py").read_bytes() == b"x"
    assert (place / "bootstrap").stat().st_mode & 0o777 == 0o755
    assert (place / "a/app.py").stat().st_mode & 0o777 == 0o644
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "entry", [("../x", b"", 0o644), ("/etc/x", b"", 0o644), ("a/../../x", b"", 0o644), ("link", b"/etc", 0o120777)]
)
def test_an_archive_cannot_write_elsewhere(tmp_path, entry):
    with pytest.raises(code.InvalidZip):
        code.unpack(zip_of(entry), tmp_path / "code")
    assert not (tmp_path / "x").exists()


def test_what_is_no_archive_is_refused(tmp_path):
    with pytest.raises(code.InvalidZip, match="Could not unzip uploaded file"):
        code.unpack(b"not a zip", tmp_path)


def test_sdk_packages_that_are_mentioned_and_missing_are_found(tmp_path):
    (tmp_path / "a.js").write_text(
        "const { S3 } = require('aws-sdk/clients/s3'); const l = require(\"@aws-sdk/lib-dynamodb\");"
    )
    (tmp_path / "b.ts").write_text(
        "import { SQSClient } from '@aws-sdk/client-sqs';\nimport '@aws-sdk/other-thing';\nconst x = await import('@smithy/core')"
    )
    (tmp_path / "node_modules" / "@aws-sdk" / "lib-dynamodb").mkdir(parents=True)
    (tmp_path / "node_modules" / "@aws-sdk" / "lib-dynamodb" / "package.json").write_text("{}")
    (tmp_path / "node_modules" / "x.js").write_text("require('@aws-sdk/client-ses')")
    assert sdk.missing_packages(tmp_path) == {"aws-sdk", "@aws-sdk/client-sqs", "@aws-sdk/other-thing", "@smithy/core"}


async def test_without_npm_it_is_said_once(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(sdk, "_said", set())
    monkeypatch.setenv("PATH", "")
    for _ in range(2):
        await sdk.ensure_node_packages(["@aws-sdk/client-sqs"], cache=tmp_path)
    assert [record.getMessage() for record in caplog.records] == [
        "Node functions will not find @aws-sdk/client-sqs, which AWS's runtime provides: npm was not found."
    ]


def test_the_longest_idle_go_first_when_memory_is_short():
    idle = [
        Idle(environment=name, since_ms=since, memory_mb=10)
        for name, since in (("new", 90), ("old", 10), ("middle", 50))
    ]
    assert choose(idle, now_ms=100, idle_ms=1000, used_mb=55, budget_mb=40) == ["old", "middle"]
    assert choose(idle, now_ms=100, idle_ms=60, used_mb=30, budget_mb=40) == ["old"]


def test_the_filter_is_known_for_both_machines():
    assert len(seccomp.program("x86_64")) % 8 == 0
    assert len(seccomp.program("aarch64")) % 8 == 0
    assert seccomp.program("riscv64") == b""


def test_a_server_name_gets_a_certificate_that_clients_trust(tmp_path):
    authority = Authority(directory=tmp_path, clock=SystemClock())
    authority.prepare()
    assert (tmp_path / "ca.key").stat().st_mode & 0o777 == 0o600
    trusting = ssl.create_default_context(cafile=str(authority.bundle))
    for name in ("sqs.eu-west-1.amazonaws.com", "localhost"):
        ours, theirs = socket.socketpair()
        server = threading.Thread(
            target=lambda end=theirs: authority.server_context().wrap_socket(end, server_side=True).close()
        )
        server.start()
        with trusting.wrap_socket(ours, server_hostname=name) as connection:
            assert ("DNS", name) in connection.getpeercert()["subjectAltName"]
        server.join()
    assert (
        Authority(directory=tmp_path, clock=SystemClock()).certificate.read_bytes()
        == authority.certificate.read_bytes()
    )


def test_merged_layers_let_later_ones_win(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name / "python").mkdir(parents=True)
        (tmp_path / name / "python" / "x").write_text(name)
        (tmp_path / name / name).write_text("")
    merged = code.merge_layers([tmp_path / "one", tmp_path / "two"], tmp_path / "merged", "key")
    assert (merged / "python" / "x").read_text() == "two"
    assert {path.name for path in merged.iterdir()} == {"python", "one", "two"}
    assert json.loads("1") == 1
    assert Path(tmp_path / "one" / "python" / "x").read_text() == "one"


def test_a_wake_up_that_is_already_due_can_be_asked_for_again():
    # uvloop answers a moment in the past with a handle that does not know when it is due.
    async def twice() -> None:
        environment = Environment.__new__(Environment)
        environment._loop = asyncio.get_running_loop()
        environment._timer, environment._timer_due_s, environment.state = None, 0.0, "dead"
        now_s = environment._loop.time()
        environment._wake_at(now_s - 1)
        environment._wake_at(now_s - 2)
        await asyncio.sleep(0.01)
        assert environment._timer is None

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(twice())
