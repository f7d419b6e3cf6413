"""A disk that is full: writes are refused, reads go on, and with room again writes work again."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from processes import EMPTY, command, eventually, write

from dayfly.testing import Served, serve

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a small file system")
_SIZE = "24m"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes in memory."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(place)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a file system here: {mounted.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk: Path) -> Path:
    """Take all the room there is."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"\0" * size)
    return filler


class Sender:
    """Sends messages until one is refused, and remembers those that were taken."""

    def __init__(self, served: Served) -> None:
        self.sqs = served.client("sqs")
        self.url = self.sqs.create_queue(QueueName="jobs")["QueueUrl"]
        self.taken: list[str] = []

    def send(self) -> dict[str, Any] | None:
        """The error, if it was refused."""
        body = f"{len(self.taken)} " + "x" * 8000
        try:
            self.sqs.send_message(QueueUrl=self.url, MessageBody=body)
        except ClientError as error:
            return error.response
        self.taken.append(body)
        return None

    def received(self) -> list[str]:
        """All messages, left where they are."""
        found: set[str] = set()
        options = {"QueueUrl": self.url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 600}
        while messages := self.sqs.receive_message(**options).get("Messages"):
            found.update(one["Body"] for one in messages)
        return sorted(found)


def test_a_full_disk_refuses_writes_answers_reads_and_is_got_over(small_disk: Path) -> None:
    with serve(state=small_disk / "state") as served:
        sender = Sender(served)
        for _ in range(20):
            assert sender.send() is None
        filler = fill(small_disk)
        refused = eventually(sender.send, "a message is refused")
        assert refused["ResponseMetadata"]["HTTPStatusCode"] >= 500
        assert "journal" in refused["Error"]["Message"]
        assert "nothing of this request was kept" in refused["Error"]["Message"]

        def count() -> str:
            names = ["ApproximateNumberOfMessages"]
            said = sender.sqs.get_queue_attributes(QueueUrl=sender.url, AttributeNames=names)
            return said["Attributes"]["ApproximateNumberOfMessages"]

        eventually(lambda: _answered(count) == str(len(sender.taken)), "reading goes on")
        assert sender.sqs.list_queues()["QueueUrls"] == [sender.url]
        with pytest.raises(ClientError) as also:
            sender.sqs.create_queue(QueueName="another")
        assert also.value.response["ResponseMetadata"]["HTTPStatusCode"] >= 500
        eventually(lambda: _answered(sender.sqs.list_queues).get("QueueUrls") == [sender.url], "it was not made")

        filler.unlink()
        eventually(lambda: sender.send() is None, "with room again, writing works again")
        assert sender.received() == sorted(sender.taken)
    with serve(state=small_disk / "state") as served:
        again = Sender(served)
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        counts = again.sqs.get_queue_attributes(QueueUrl=again.url, AttributeNames=names)["Attributes"]
        assert sum(map(int, counts.values())) == len(sender.taken)


def test_functions_run_on_a_full_disk_and_new_code_is_refused(small_disk: Path) -> None:
    made: dict[str, Any] = {"Runtime": "python3.12", "Role": "arn:aws:iam::000000000000:role/r"}
    made |= {"Handler": "index.handler", "Code": {"ZipFile": packed()}}
    with serve(state=small_disk / "state") as served:
        functions = served.client("lambda")
        functions.create_function(FunctionName="first", **made)
        functions.invoke(FunctionName="first")
        filler = fill(small_disk)
        with pytest.raises(ClientError) as refused:
            functions.create_function(FunctionName="second", **made | {"Code": {"ZipFile": packed(1 << 20)}})
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] >= 500
        said = refused.value.response["Error"]["Message"]
        assert "journal" in said or "No space left on device" in said
        answer = eventually(lambda: _answered(lambda: functions.invoke(FunctionName="first")), "it runs")
        assert answer["Payload"].read() == b'"ran"'

        def later() -> dict[str, Any] | None:
            """The error, if the event was refused: what the log has room for already is still taken."""
            try:
                functions.invoke(FunctionName="first", InvocationType="Event", Payload=b'"%s"' % (b"x" * 200_000))
            except ClientError as error:
                return error.response
            return None

        assert eventually(later, "an event is refused")["ResponseMetadata"]["HTTPStatusCode"] >= 500
        filler.unlink()
        invoked = eventually(
            lambda: _answered(lambda: functions.invoke(FunctionName="first", InvocationType="Event")), "it is taken"
        )
        assert invoked["StatusCode"] == 202
        functions.create_function(FunctionName="second", **made | {"Code": {"ZipFile": packed(1 << 20)}})
        assert functions.invoke(FunctionName="second")["Payload"].read() == b'"ran"'


def packed(more: int = 0) -> bytes:
    """A function's zip, with so many bytes more in it that no packing makes smaller."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("index.py", "def handler(event, context): return 'ran'\n")
        archive.writestr("more.bin", os.urandom(more))
    return made.getvalue()


def _answered(call: Any) -> Any:
    """What it answers; {} at a moment when memory is being loaded again."""
    try:
        return call()
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
            raise
        return {}


def test_a_platform_does_not_start_on_a_full_disk_and_says_so(small_disk: Path) -> None:
    application = write(small_disk / "application", {"serverless.yml": EMPTY})
    fill(small_disk)
    done = command("dev", "--json", "--port", "0", "--state", str(small_disk / "state"), cwd=application)
    assert done.returncode == 2, done
    assert "Traceback" not in done.stderr
    assert "No space left on device" in done.stdout or "disk" in done.stdout
