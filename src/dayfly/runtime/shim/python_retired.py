"""What Python had when a function's runtime was current, and has no more in the interpreter that stands in for it.

Packages pinned to versions of that time ask for it while they are imported; without it they do not load at all. A
module gets its names back when it is imported, so that what nobody imports costs nothing.

Removed by 3.8: https://docs.python.org/3/whatsnew/3.8.html#api-and-feature-removals, 3.9:
https://docs.python.org/3/whatsnew/3.9.html#removed, 3.10: https://docs.python.org/3/whatsnew/3.10.html#removed,
3.11: https://docs.python.org/3/whatsnew/3.11.html#removed
"""

from __future__ import annotations

import collections.abc
import importlib
import importlib.machinery
import importlib.util
import re
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

Make = Callable[[ModuleType], object]


def install(runtime: str) -> None:
    """Bring back what a runtime such as `python3.7` had, where the interpreter is newer."""
    found = re.fullmatch(r"python(\d+)\.(\d+)", runtime)
    declared = (int(found[1]), int(found[2])) if found else sys.version_info[:2]
    removed: dict[str, list[tuple[str, Make]]] = {}
    for by, module, name, make in _REMOVED:
        if declared < by <= sys.version_info[:2]:
            removed.setdefault(module, []).append((name, make))
    for name in removed.keys() & sys.modules.keys():
        _give(sys.modules[name], removed.pop(name))
    if removed:
        sys.meta_path.insert(0, _Finder(removed))


def _give(module: ModuleType, members: Sequence[tuple[str, Make]]) -> None:
    for path, make in members:
        *owner, name = path.split(".")
        holder = getattr(module, owner[0]) if owner else module
        if not hasattr(holder, name):
            setattr(holder, name, make(module))


class _Finder:
    """Finds the modules that are to get names back, as whoever comes after it finds them."""

    def __init__(self, removed: dict[str, list[tuple[str, Make]]]) -> None:
        self.removed = removed

    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        members = self.removed.pop(name, None)
        if members is None:
            return None
        if members[0][0] == _WHOLE:
            module = members[0][1](sys)
            return importlib.machinery.ModuleSpec(name, _Loader(lambda _: module, lambda _: None))  # type: ignore[arg-type]
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            loader = spec.loader

            def execute(module: ModuleType) -> None:
                loader.exec_module(module)
                _give(module, members)

            spec.loader = _Loader(loader.create_module, execute)  # type: ignore[assignment]
        return spec


class _Loader:
    def __init__(self, create: Callable[[Any], Any], execute: Callable[[ModuleType], None]) -> None:
        self.create_module = create
        self.exec_module = execute


def _getargspec(inspect: Any) -> Callable[..., Any]:
    def getargspec(function: Callable[..., Any]) -> Any:
        """Positional parameters, the names of `*` and `**`, and defaults."""
        full = inspect.getfullargspec(function)
        return ArgSpec(full.args, full.varargs, full.varkw, full.defaults)

    return getargspec


def _coroutine(_: ModuleType) -> object:
    import types

    return types.coroutine


def _html(name: str) -> Any:
    return getattr(importlib.import_module("html"), name)


def _is(name: str) -> Make:
    """The same as another member of the module."""

    def make(module: ModuleType) -> object:
        found: Any = module
        for part in name.split("."):
            found = getattr(found, part)
        return found

    return make


_WHOLE = "*"
"""In place of a member: the module is another one."""
ArgSpec = collections.namedtuple("ArgSpec", "args varargs keywords defaults")
_REMOVED: tuple[tuple[tuple[int, int], str, str, Make], ...] = (
    ((3, 8), "time", "clock", _is("perf_counter")),
    ((3, 8), "cgi", "escape", lambda _: lambda text, quote=False: _html("escape")(text, quote)),
    ((3, 9), "base64", "encodestring", _is("encodebytes")),
    ((3, 9), "base64", "decodestring", _is("decodebytes")),
    ((3, 9), "fractions", "gcd", lambda _: importlib.import_module("math").gcd),
    ((3, 9), "threading", "Thread.isAlive", _is("Thread.is_alive")),
    ((3, 9), "html.parser", "HTMLParser.unescape", lambda _: lambda _, text: _html("unescape")(text)),
    ((3, 9), "xml.etree.cElementTree", _WHOLE, lambda _: importlib.import_module("xml.etree.ElementTree")),
    *(((3, 10), "collections", name, _is(f"abc.{name}")) for name in collections.abc.__all__),
    ((3, 11), "inspect", "ArgSpec", lambda _: ArgSpec),
    ((3, 11), "inspect", "getargspec", _getargspec),
    ((3, 11), "asyncio", "coroutine", _coroutine),
)
