"""Every API class speaks of operations and errors that its service's model knows."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import pytest

import dayfly.api
from dayfly.wire.operations import Service


def api_classes() -> list[type]:
    found = {}
    for module in pkgutil.iter_modules(dayfly.api.__path__):
        for _, kind in inspect.getmembers(importlib.import_module(f"dayfly.api.{module.name}"), inspect.isclass):
            if isinstance(getattr(kind, "service", None), str) and hasattr(kind, "FAULTS"):
                found[f"{kind.__module__}.{kind.__name__}"] = kind
    return list(found.values())


@pytest.mark.parametrize("kind", api_classes(), ids=lambda kind: kind.__name__)
def test_handlers_are_operations_of_the_model(kind):
    service = Service.load(kind.service)
    known = {service.operation(name).handler_name for name in service.operation_names}
    handlers = {
        name for name, member in inspect.getmembers(kind, inspect.iscoroutinefunction) if not name.startswith("_")
    }
    assert handlers <= known


COMMON = {"InvalidParameterValue", "InvalidParameterCombination", "MissingParameter", "ValidationError",
          "ValidationException", "InvalidParameter", "UnsupportedOperation"}  # fmt: skip
"""Codes that services answer and their models do not list."""


@pytest.mark.parametrize("kind", api_classes(), ids=lambda kind: kind.__name__)
def test_faults_are_errors_of_the_model(kind):
    codes = Service.load(kind.service).error_codes
    assert {fault.code for fault in kind.FAULTS.values() if fault.status is None} <= codes.keys() | COMMON
