"""What an environment in namespaces cannot do."""

# ruff: noqa: E501 - the code of functions stands in strings
from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_it_is_not_root_and_cannot_become_it(isolated):
    code = """
        import os
        def handler(e, c):
            try:
                os.setuid(0)
                return "root"
            except PermissionError:
                return os.getuid() == 0 or os.geteuid() == 0
    """
    assert await isolated.value(code) is False


async def test_it_lets_run_who_wakes_it(isolated):
    code = "import os\ndef handler(e, c): return [os.sched_getscheduler(0) == os.SCHED_BATCH, os.nice(0)]"
    assert await isolated.value(code) == [True, 0]


async def test_it_sees_no_other_processes(isolated):
    code = "import os\ndef handler(e, c): return [p for p in os.listdir('/proc') if p.isdigit()]"
    assert await isolated.value(code) == ["1"]


async def test_it_cannot_write_its_code_nor_the_system(isolated):
    code = """
        def handler(e, c):
            refused = []
            for path in ("/var/task/x", "/opt/x", "/usr/x", "/etc/x", "/x", "/var/runtime/x", "/dev/x"):
                try:
                    open(path, "w")
                except OSError as error:
                    refused.append(error.errno)
            return refused
    """
    answer = await isolated.value(code)
    assert len(answer) == 7
    assert set(answer) <= {13, 30}  # EACCES, EROFS


async def test_tmp_is_its_own_and_limited(isolated):
    code = """
        import os
        def handler(e, c):
            before = [name for name in os.listdir("/tmp") if not name.startswith("pytest")]
            open("/tmp/mine", "w").write("x")
            try:
                with open("/tmp/big", "wb") as f:
                    for _ in range(100): f.write(bytes(1 << 20))
                return "unlimited"
            except OSError as error:
                return [before, error.errno]
    """
    for _ in range(2):
        assert await isolated.value(code, ephemeral_mb=8, timeout_ms=10_000) == [[], 28]


async def test_it_does_not_see_the_hosts_files(isolated):
    code = "import os\ndef handler(e, c): return [sorted(os.listdir('/')), os.path.exists('/root/.ssh'), os.path.exists(e)]"
    root, ssh, own = await isolated.value(code, str(isolated.directory / "scratch"))
    assert "home" not in root
    assert (ssh, own) == (False, False)


@pytest.mark.parametrize(
    "call",
    [
        "libc.mount(b'none', b'/tmp', b'tmpfs', 0, None)",
        "libc.umount2(b'/tmp', 2)",
        "libc.unshare(0x10000000)",
        "libc.setns(0, 0)",
        "libc.ptrace(0, 0, 0, 0)",
        "libc.syscall(321, 0, 0, 0)",  # bpf on x86_64
        "libc.chroot(b'/tmp')",
    ],
)
async def test_dangerous_calls_are_refused(isolated, call):
    code = f"""
        import ctypes
        def handler(e, c):
            libc = ctypes.CDLL(None, use_errno=True)
            return [{call}, ctypes.get_errno()]
    """
    assert await isolated.value(code) == [-1, 1]


async def test_threads_and_subprocesses_work_all_the_same(isolated):
    code = """
        import subprocess, concurrent.futures, tempfile, multiprocessing
        def handler(e, c):
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                squares = list(pool.map(lambda n: n * n, range(4)))
            with tempfile.NamedTemporaryFile() as f:
                f.write(b"x")
            open("/dev/stdout", "w").write("direct\\n")
            return [squares, subprocess.run(["/bin/sh", "-c", "echo hi; id -u"], capture_output=True, text=True).stdout.split()]
    """
    squares, out = await isolated.value(code, timeout_ms=10_000)
    assert squares == [0, 1, 4, 9]
    assert out[0] == "hi"


async def test_private_files_of_the_developer_are_readable_inside(isolated):
    from runtime_bench import invoke_of

    spec = isolated.spec("def handler(e, c): return 'read'")
    (spec.code / "app.py").chmod(0o600)
    spec.code.chmod(0o700)
    finished = await isolated.pool.invoke(spec, invoke_of())
    assert json.loads(finished.payload) == "read", finished.log


async def test_beyond_its_memory_it_is_killed(isolated):
    if not isolated.pool.stats()["cgroups"]:
        pytest.skip("no memory control group may be made here")
    finished = await isolated.run(
        "import time\ndef handler(e, c): hog = bytearray(400 << 20); time.sleep(10)", memory_mb=128, timeout_ms=20_000
    )
    document = json.loads(finished.payload)
    assert document["errorType"] == "Runtime.ExitError"
    assert document["errorMessage"].endswith("Error: Runtime exited with error: signal: killed")
