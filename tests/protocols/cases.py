"""AWS's own protocol cases, from the source distribution of the installed botocore.

They are in no wheel and not in this repository: `python tests/protocols/cases.py` (which `scripts/test` runs) asks pip
for the source distribution by name and version, keeps it in a cache directory, and says where. Tests only look there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2] / "src"))  # it runs as a script, too

from dayfly.wire.models import botocore_version

PROTOCOLS = ("query", "json", "rest-json", "rest-xml")


class Case(NamedTuple):
    file: str
    """`rest-json`, `json_1_0` …"""
    suite: dict[str, Any]
    case: dict[str, Any]
    position: str

    @property
    def id(self) -> str:
        return f"{self.file}:{self.case.get('id') or self.position}"

    @property
    def protocol(self) -> str:
        return str(self.suite["metadata"]["protocol"])

    def model(self) -> dict[str, Any]:
        """A service model with this case's operation alone."""
        given = json.loads(json.dumps(self.case["given"]))
        given.setdefault("http", {"method": "POST", "requestUri": "/"})
        return {
            "metadata": self.suite["metadata"],
            "operations": {given.get("name", "OperationName"): given},
            "shapes": json.loads(json.dumps(self.suite["shapes"])),
        }


def cache_directory() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "dayfly" / "protocol-cases"


def archive() -> Path:
    return cache_directory() / f"botocore-{botocore_version()}.tar.gz"


def fetch() -> Path:
    """The source distribution, downloaded by pip if it is not there yet. Needs pip and setuptools, nothing else."""
    if not archive().exists():
        archive().parent.mkdir(parents=True, exist_ok=True)
        # pip builds the metadata of what it downloads; botocore's needs setuptools, which pip fetches for itself.
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "botocore"]
        subprocess.run(
            [*command, "--dest", str(archive().parent), f"botocore=={botocore_version()}"], check=True, timeout=300
        )
    return archive()


def load(direction: str) -> Iterator[Case]:
    """Every case of a direction (`input` or `output`), of all protocols; none where the archive is not there."""
    if not archive().exists():
        return
    with tarfile.open(archive()) as tar:
        for member in tar:
            path = Path(member.name)
            if path.parts[1:-1] != ("tests", "unit", "protocols", direction) or path.suffix != ".json":
                continue
            file = tar.extractfile(member)
            assert file is not None
            for number, suite in enumerate(json.load(file)):
                for index, case in enumerate(suite.get("cases", ())):
                    yield Case(path.stem, suite, case, f"{number}.{index}")


if __name__ == "__main__":
    print(fetch())
