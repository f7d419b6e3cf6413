"""`dayfly doctor`: what this machine has of what functions need."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import typer

from dayfly.cli.client import JsonOption


class Finding(NamedTuple):
    what: str
    ok: bool
    said: str
    needed: bool = False


def doctor(json: JsonOption = False) -> None:
    """Look at this machine: interpreters, isolation, ports. Exit status 1 where something needed is missing.

    [bold]Example[/bold]: dayfly doctor
    """
    from rich.text import Text

    from dayfly.cli import show

    findings = [*_interpreters(), *_isolation(), *_ports()]
    if json:
        show.as_json({"findings": [finding._asdict() for finding in findings]})
    else:
        show.table(
            ("", "what", ""),
            ((_mark(finding, Text), finding.what, finding.said) for finding in findings),
            "",
        )
    if any(finding.needed and not finding.ok for finding in findings):
        raise typer.Exit(1)


def _mark(finding: Finding, text: type) -> object:
    if finding.ok:
        return text("ok", "green")
    return text("missing" if finding.needed else "without", "red" if finding.needed else "yellow")


def _interpreters() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("Python", sys.version_info >= (3, 11), f"{version} at {sys.executable}", needed=True)
    for name, purpose in (("node", "Node functions"), ("npm", "SDKs and bundling for Node functions")):
        where = shutil.which(name)
        yield Finding(name, where is not None, f"{_version(where)} at {where}" if where else f"needed for {purpose}")


def _version(command: str) -> str:
    try:
        done = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"does not run ({error})"
    return done.stdout.strip()


def _isolation() -> Iterator[Finding]:
    done = shutil.which("unshare") and subprocess.run(
        ["unshare", "-m", "-p", "-i", "-u", "--fork", "true"], capture_output=True, check=False
    )
    ok = bool(done) and done.returncode == 0  # type: ignore[union-attr]
    yield Finding("namespaces", ok, "functions are isolated" if ok else "functions run as plain processes")
    v2 = Path("/sys/fs/cgroup/cgroup.controllers").is_file()
    v1 = Path("/sys/fs/cgroup/memory").is_dir()
    kind = "v2" if v2 else "v1" if v1 else ""
    yield Finding("cgroups", bool(kind), f"{kind}: memory limits are enforced by the kernel" if kind else "none")


def _ports() -> Iterator[Finding]:
    for port, purpose in ((4566, "AWS endpoint"), (3000, "HTTP"), (3001, "WebSocket"), (3002, "Lambda invoke")):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                yield Finding(f"port {port}", False, f"{purpose}: {error.strerror}")
            else:
                yield Finding(f"port {port}", True, f"{purpose}: free")
