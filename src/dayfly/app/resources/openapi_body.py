"""What the report says of the OpenAPI document that an API of a template has as its Body."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from dayfly.app.resources import Remark
from dayfly.app.resources.properties import branches
from dayfly.gateways.model import Invalid
from dayfly.gateways.openapi import read_document
from dayfly.gateways.openapi_extensions import lacks


def body_remarks(body: Any, kind: Literal["rest", "http"]) -> Iterator[Remark]:
    """The extensions of a Body, a document or its text, that have no effect here."""
    if isinstance(body, str):
        try:
            body = read_document(body)
        except Invalid:
            return  # the import says what is wrong with it
    for document in branches(body):
        for lack in lacks(document, kind):
            yield Remark(level=lack.level, what=f"{lack.what} in Body", holder=lack.holder, key=lack.key)
