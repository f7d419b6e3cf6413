"""Python packages of a manifest (requirements.txt, Pipfile, a lock file), for the interpreter that runs functions."""

from __future__ import annotations

import json
import platform
import re
import shutil
import sys
import tomllib
from pathlib import Path

from dayfly.build.tools import BuildFailed, Say, digest, once, run

_NOT_BUILT = re.compile(r"Failed to build `?([A-Za-z0-9][\w.-]*?)==([^\s`]+)`?")
_OTHER = re.compile(r"\s*(-r|--requirement|-c|--constraint)[\s=]+([^\s#]+)")


async def packages(manifest: Path, cache: Path, say: Say) -> Path:
    """A directory with the packages of a manifest; installed once for its content. Raises BuildFailed."""
    requirements = requirements_of(manifest)
    key = digest(platform.python_version(), platform.machine(), requirements)

    async def install(target: Path) -> None:
        say(f"installing the Python packages of {manifest.name}")
        listed = target / ".requirements.txt"
        listed.write_text(requirements, encoding="utf-8")
        uv = shutil.which("uv") or _beside("uv")
        command: list[str | Path] = (
            [uv, "pip", "install", "--quiet", "--python", sys.executable]
            if uv
            else [
                sys.executable,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--no-warn-script-location",
            ]
        )
        await _install([*command, "--target", target], listed, manifest, say)
        listed.unlink()
        (target / ".lock").unlink(missing_ok=True)

    if not requirements.strip():
        return await once(cache / "python", "none", _nothing)
    return await once(cache / "python", key, install)


async def _install(command: list[str | Path], listed: Path, manifest: Path, say: Say) -> None:
    """Install what is listed. A version that cannot be built for this Python gives way to a later one.

    Applications of retired runtimes pin what was current then; here they run on the Python there is.
    """
    while True:
        try:
            await run([*command, "-r", listed], directory=manifest.parent, what=f"installing {manifest.name}")
            return
        except BuildFailed as error:
            failed = _NOT_BUILT.search(error.said)
            if failed is None:
                raise
            text = listed.read_text(encoding="utf-8")
            relaxed = _relaxed(text, failed[1])
            if relaxed == text:
                raise BuildFailed(
                    f"installing {manifest.name} failed: {failed[1]} {failed[2]} cannot be built"
                ) from error
            here = platform.python_version()
            say(f"{failed[1]} {failed[2]} cannot be built for Python {here}: taking a later version")
            listed.write_text(relaxed, encoding="utf-8")


def _relaxed(text: str, name: str) -> str:
    """The requirements with a pinned version allowed to be a later one of its major, or such a one any at all."""

    def wider(match: re.Match[str]) -> str:
        if match["operator"] == "==":
            return f"{match['name']}>{match['version']},<{int(match['major']) + 1}"
        return match["name"]

    pattern = (
        rf"(?im)^(?P<name>\s*{re.escape(name)}(?:\[[^\]]*\])?)\s*(?P<operator>==|>)\s*"
        r"(?P<version>(?P<major>\d+)[^\s;#,]*)(?:,<\d+)?"
    )
    return re.sub(pattern, wider, text)


async def _nothing(target: Path) -> None:
    """No packages at all."""


def _beside(name: str) -> str | None:
    path = Path(sys.executable).with_name(name)
    return str(path) if path.is_file() else None


def requirements_of(manifest: Path) -> str:
    """A manifest in the words of requirements.txt."""
    text = manifest.read_text(encoding="utf-8", errors="replace")
    if manifest.name == "Pipfile.lock":
        locked = json.loads(text).get("default", {})
        return "".join(f"{name}{one.get('version', '')}\n" for name, one in sorted(locked.items()))
    if manifest.name == "Pipfile":
        wanted = tomllib.loads(text).get("packages", {})
        return "".join(f"{name}{'' if version == '*' else version}\n" for name, version in _versions(wanted))
    if manifest.name in ("poetry.lock", "uv.lock"):
        packages = tomllib.loads(text).get("package", [])
        kept = [
            one for one in packages if one.get("category", "main") == "main" and "virtual" not in one.get("source", {})
        ]
        return "".join(f"{one['name']}=={one['version']}\n" for one in kept)
    return _with_others(manifest, text, ())


def _with_others(manifest: Path, text: str, above: tuple[Path, ...]) -> str:
    """The lines with those of the files they name, which pip looks for beside the file that names them.

    https://pip.pypa.io/en/stable/reference/requirements-file-format/#referring-to-other-requirements-files
    """
    made = []
    for line in text.splitlines(keepends=True):
        named = _OTHER.match(line)
        other = manifest.parent / named[2] if named else None
        if named is None or other is None or not other.is_file():
            made.append(line)
        elif named[1] in ("-c", "--constraint"):
            made.append(f"-c {other.resolve()}\n")
        elif other.resolve() not in above:
            inner = other.read_text(encoding="utf-8", errors="replace")
            made.append(_with_others(other, inner, (*above, other.resolve())).rstrip("\n") + "\n")
    return "".join(made)


def _versions(wanted: dict[str, object]) -> list[tuple[str, str]]:
    return [(name, str(one.get("version", "*") if isinstance(one, dict) else one)) for name, one in wanted.items()]
