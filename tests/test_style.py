"""What holds of the code as text: which way imports go, what names are banned, where clocks may be read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "dayfly"

FOUNDATION = {"errors", "clock", "ids", "limits", "identity"}
DOMAIN = {
    "buses", "functions", "gateways", "identity", "logs", "mail", "meter", "pipes", "queues", "schedules", "stacks",
    "targets", "topics", "work",
}  # fmt: skip
# What each package may import of ours, besides itself. Packages that are not here (cli, console, server …) may all.
MAY_IMPORT = {
    "errors": set(),
    "clock": set(),
    "ids": set(),
    "limits": set(),
    "wire": FOUNDATION,
    "store": FOUNDATION,
    "runtime": FOUNDATION,
    **{name: FOUNDATION | DOMAIN | {"store"} for name in DOMAIN - {"functions", "gateways", "identity"}},
    "functions": FOUNDATION | DOMAIN | {"store", "runtime"},
    # A gateway turns HTTP into events and back: it knows what a request looks like.
    "gateways": FOUNDATION | DOMAIN | {"store", "front"},
    "identity": {"errors", "clock", "ids", "limits", "store"},
    "api": FOUNDATION | DOMAIN | {"wire", "front", "store", "runtime"},
    "front": FOUNDATION | {"api", "gateways"},
    "companions": FOUNDATION | {"api", "front", "wire", "store"},
    "app": FOUNDATION | DOMAIN | {"api", "build"},
    "build": FOUNDATION | {"app"},
}
BANNED_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "core", "misc"}
CLOCKLESS = DOMAIN | {"wire", "api", "app"}


def modules() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        yield path, ast.parse(path.read_text(encoding="utf-8"))


def part_of(path: Path) -> str:
    first = path.relative_to(SOURCE).parts[0]
    return first.removesuffix(".py")


def imports(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Names of ours that a module imports at run time, with their lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "dayfly":
            parts = node.module.split(".")
            if len(parts) > 1:
                yield parts[1], node.lineno
            else:
                for alias in node.names:
                    yield alias.name, node.lineno
        elif isinstance(node, ast.Import):
            for alias in node.names:
                parts = alias.name.split(".")
                if parts[0] == "dayfly" and len(parts) > 1:
                    yield parts[1], node.lineno


def test_imports_go_one_way() -> None:
    wrong = []
    for path, tree in modules():
        allowed = MAY_IMPORT.get(part_of(path))
        if allowed is None:
            continue
        for name, line in imports(tree):
            if name not in allowed | {part_of(path), "__version__"}:
                wrong.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    assert wrong == []


def test_no_module_has_a_name_that_could_be_anything() -> None:
    assert [str(path) for path, _ in modules() if path.stem in BANNED_NAMES or path.parent.name in BANNED_NAMES] == []


def test_the_domain_reads_no_clock_no_environment_and_no_randomness() -> None:
    banned = {
        ("time", "time"), ("time", "time_ns"), ("time", "monotonic"), ("datetime", "now"), ("datetime", "utcnow"),
        ("os", "environ"), ("os", "getenv"), ("os", "urandom"), ("uuid", "uuid4"), ("random", "random"),
        ("random", "choice"), ("secrets", "token_hex"),
    }  # fmt: skip
    wrong = []
    for path, tree in modules():
        if part_of(path) not in CLOCKLESS:
            continue
        lines = path.read_text(encoding="utf-8").splitlines()
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                excused = "# at the edge:" in lines[node.lineno - 1]
                if (node.value.id, node.attr) in banned and not excused:
                    wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.value.id}.{node.attr}")
    assert wrong == []


def test_nothing_prints() -> None:
    wrong = []
    for path, tree in modules():
        if "shim" in path.parts:  # runs inside environments, where what is printed is the log
            continue
        wrong += [
            f"{path.relative_to(ROOT)}:{node.lineno}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
        ]
    assert wrong == []


def test_every_package_begins_with_its_map() -> None:
    packages = [path for path in SOURCE.rglob("__init__.py") if "templates" not in path.parts]
    assert [str(path) for path in packages if not ast.get_docstring(ast.parse(path.read_text()))] == []


def test_files_stay_of_a_size_one_can_read() -> None:
    assert [
        f"{path.relative_to(ROOT)}: {count} lines"
        for path, _ in modules()
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > 700
    ] == []


def test_broad_catches_say_why() -> None:
    wrong = []
    for path, tree in modules():
        if "shim" in path.parts:  # whatever a handler raises is its answer
            continue
        lines = path.read_text(encoding="utf-8").splitlines()
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler):
                name = node.type.id if isinstance(node.type, ast.Name) else None
                if (node.type is None or name in ("Exception", "BaseException")) and not (
                    "# noqa: BLE001 -" in lines[node.lineno - 1] or _reraises(node)
                ):
                    wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert wrong == []


def _reraises(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(node, ast.Raise) for node in ast.walk(handler))


def test_the_settings_page_is_made_from_the_table() -> None:
    from dayfly.settings import reference

    assert (ROOT / "docs" / "SETTINGS.md").read_text(encoding="utf-8") == reference()


@pytest.mark.parametrize("word", ["localstack", "moto"])
def test_companions_are_the_only_place_that_knows_moto(word: str) -> None:
    users = {part_of(path) for path, tree in modules() for node in ast.walk(tree) if _imports(node, word)}
    assert users <= {"companions"}


def _imports(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").split(".")[0] == name
    return isinstance(node, ast.Import) and any(alias.name.split(".")[0] == name for alias in node.names)
