"""Runtime names as declared, and the interpreter that serves them here.

The list of AWS's runtimes: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
"""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from dayfly.errors import Unsupported
from dayfly.runtime import Family

_log = logging.getLogger(__name__)
_said: set[str] = set()


def family_of(runtime: str, code: Path | None = None) -> Family:
    """Which kind of environment serves a declared runtime. Raises Unsupported, naming it.

    A directory with an executable `bootstrap` serves any name that is neither Python nor Node.
    """
    if runtime.startswith("python"):
        _say_version(runtime, "python", f"{sys.version_info[0]}.{sys.version_info[1]}")
        return "python"
    if runtime.startswith("nodejs"):
        _say_version(runtime, "nodejs", node_version().partition(".")[0])
        return "node"
    if runtime.startswith(("provided", "go1")):
        return "provided"
    if code is not None and (code / "bootstrap").exists():
        return "provided"
    raise Unsupported(
        f"the runtime {runtime!r} is not supported yet: there is no `bootstrap` file in the code, and dayfly itself "
        "runs python*, nodejs*, provided* and go1.x"
    )


def _say_version(runtime: str, prefix: str, present: str) -> None:
    declared = runtime.removeprefix(prefix).removesuffix(".x")
    if declared != present and present and runtime not in _said:
        _said.add(runtime)
        _log.warning("The runtime %s is served by the installed %s %s.", runtime, prefix, present)


@cache
def _node() -> tuple[str, str]:
    found = shutil.which("node")
    if found is None:
        return "", ""
    # A version manager's shim costs 100 ms a start; the real executable is asked for once.
    question = [found, "-p", "process.execPath + '\\n' + process.versions.node"]
    answer = subprocess.run(question, capture_output=True, text=True, check=False)
    path, _, version = answer.stdout.strip().partition("\n")
    return path, version


def node_binary() -> str | None:
    """The real Node executable. The first call takes some 60 ms."""
    return _node()[0] or None


def node_version() -> str:
    """Such as `20.20.2`; empty where there is no Node."""
    return _node()[1]
