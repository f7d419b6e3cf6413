"""What a request to S3 did, read from the request and its answer.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote
from xml.etree import ElementTree

import msgspec

from dayfly.front.messages import Request, Response

_HOSTED = re.compile(r"^(?P<bucket>.+?)\.s3(?:[.-][a-z0-9-]+)*\.amazonaws\.com(?:\.cn)?(?::\d+)?$")
_FORM_KEY = re.compile(rb'name="?key"?\r\n(?:[^\r\n]+\r\n)*\r\n(.*?)\r\n', re.S)
_UNTOLD = frozenset({"retention", "legal-hold", "torrent", "select", "restore", "renameObject"})


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """One thing done to one object. `event` is the name without its `s3:`, such as `ObjectCreated:Put`."""

    event: str
    key: str
    version: str = ""


def place_of(request: Request) -> tuple[str, str]:
    """Bucket and key ('' where the request is about the bucket), from the host or the path."""
    path = unquote(request.raw_path).removeprefix("/")
    hosted = _HOSTED.match(request.header("host"))
    if hosted is not None:
        return hosted["bucket"], path
    bucket, _, key = path.partition("/")
    return bucket, key


def acts_of(request: Request, response: Response) -> list[Act]:
    """What a request that succeeded did to the objects of its bucket."""
    _, key = place_of(request)
    asked = {name for name, _ in request.query}
    if asked & _UNTOLD:
        return []
    if request.method == "POST" and not key:
        return list(_removed(response)) if "delete" in asked else list(_posted(request, response))
    name = _event(request, response, asked) if key else None
    if name is None:
        return []
    return [Act(event=name, key=key, version=_header(response, "x-amz-version-id"))]


def _event(request: Request, response: Response, asked: set[str]) -> str | None:
    match request.method:
        case "PUT" if "uploadId" in asked:
            return None  # a part; its object is created when the upload is completed
        case "PUT" if "tagging" in asked:
            return "ObjectTagging:Put"
        case "PUT" if "acl" in asked:
            return "ObjectAcl:Put"
        case "PUT":
            return "ObjectCreated:Copy" if request.header("x-amz-copy-source") else "ObjectCreated:Put"
        case "POST" if "uploadId" in asked:
            return "ObjectCreated:CompleteMultipartUpload"
        case "DELETE" if "uploadId" in asked:
            return None
        case "DELETE" if "tagging" in asked:
            return "ObjectTagging:Delete"
        case "DELETE":
            marker = _header(response, "x-amz-delete-marker") == "true" and "versionId" not in asked
            return "ObjectRemoved:DeleteMarkerCreated" if marker else "ObjectRemoved:Delete"
    return None


def _posted(request: Request, response: Response) -> Iterator[Act]:
    """An upload by a browser's form. https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html"""
    if not request.header("content-type").startswith("multipart/form-data"):
        return
    found = _FORM_KEY.search(request.body)
    if found is None:
        return
    named = re.search(rb'filename="([^"]*)"', request.body)
    key = found[1].decode().replace("${filename}", named[1].decode() if named else "")
    yield Act(event="ObjectCreated:Post", key=key, version=_header(response, "x-amz-version-id"))


def _removed(response: Response) -> Iterator[Act]:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html"""
    if not isinstance(response.body, bytes):
        return
    for node in ElementTree.fromstring(response.body).iter():
        if local(node.tag) != "Deleted":
            continue
        told = {local(one.tag): one.text or "" for one in node}
        marker = told.get("DeleteMarker") == "true" and "VersionId" not in told
        yield Act(
            event="ObjectRemoved:DeleteMarkerCreated" if marker else "ObjectRemoved:Delete",
            key=told.get("Key", ""),
            version=told.get("DeleteMarkerVersionId" if marker else "VersionId", ""),
        )


def local(tag: str) -> str:
    """An element's name without its namespace."""
    return tag.rpartition("}")[2]


def _header(response: Response, name: str) -> str:
    return next((value for given, value in response.headers if given.lower() == name), "")
