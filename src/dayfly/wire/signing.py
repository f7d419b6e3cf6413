"""Signature Version 4: what a request claims, and whether the claim holds.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
Errors: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
from calendar import timegm
from collections.abc import Callable, Mapping
from functools import lru_cache
from time import gmtime, strftime, strptime
from typing import NamedTuple, Protocol
from urllib.parse import parse_qsl, quote, unquote

from dayfly.wire.locate import Credential
from dayfly.wire.refusals import Rejected
from dayfly.wire.rest import Message

ALGORITHM = "AWS4-HMAC-SHA256"
SKEW_MS = 15 * 60 * 1000
LONGEST_PRESIGNED_S = 7 * 24 * 3600
_UNSIGNED = "UNSIGNED-PAYLOAD"
_SAFE = "-_.~"


class KnownKey(Protocol):
    """What a key store says of an access key id."""

    @property
    def secret(self) -> str: ...
    @property
    def session_token(self) -> str: ...
    @property
    def expires_ms(self) -> int | None: ...


FindKey = Callable[[str, str], KnownKey | None]
"""Access key id and the request's session token → the key, or None."""


class Claim(NamedTuple):
    """A parsed signature."""

    credential: Credential
    signed_headers: tuple[str, ...]
    signature: str
    timestamp: str
    expires_s: int | None
    """Of a presigned URL; None for a signed header."""
    token: str


def claim_of(message: Message, scope: Credential | None, *, query_protocol: bool = False) -> Claim:
    """The signature's parts. Raises Rejected where there is none or it is incomplete."""
    if message.header("authorization"):
        return _from_header(message, scope)
    if "X-Amz-Signature=" in message.raw_query:
        return _from_query(message, scope)
    code = "MissingAuthenticationToken" if query_protocol else "MissingAuthenticationTokenException"
    raise Rejected(code, "Missing Authentication Token", 403)


def _incomplete(text: str) -> Rejected:
    return Rejected("IncompleteSignature", text, 403)


def _from_header(message: Message, scope: Credential | None) -> Claim:
    algorithm, _, rest = message.header("authorization").partition(" ")
    if algorithm != ALGORITHM:
        raise _incomplete(f"Unsupported signing algorithm {algorithm!r}: only {ALGORITHM} is known here.")
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    for name in ("Credential", "SignedHeaders", "Signature"):
        if not parts.get(name):
            raise _incomplete(f"Authorization header requires '{name}' parameter.")
    timestamp = message.header("x-amz-date") or _compact(message.header("date"))
    if not timestamp:
        raise _incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    return Claim(
        _whole(scope), tuple(parts["SignedHeaders"].split(";")), parts["Signature"], timestamp, None,
        message.header("x-amz-security-token"),
    )  # fmt: skip


def _from_query(message: Message, scope: Credential | None) -> Claim:
    parts = dict(parse_qsl(message.raw_query, keep_blank_values=True))
    if parts.get("X-Amz-Algorithm") != ALGORITHM:
        raise _incomplete(f"Unsupported signing algorithm: only {ALGORITHM} is known here.")
    for name in ("X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Date"):
        if not parts.get(name):
            raise _incomplete(f"AWS query-string parameters must include '{name}'.")
    expires = parts.get("X-Amz-Expires", "300")
    if not expires.isdigit() or int(expires) > LONGEST_PRESIGNED_S:
        raise _incomplete("X-Amz-Expires must be a number of seconds, at most one week.")
    return Claim(
        _whole(scope), tuple(parts["X-Amz-SignedHeaders"].split(";")), parts["X-Amz-Signature"],
        parts["X-Amz-Date"], int(expires), parts.get("X-Amz-Security-Token", ""),
    )  # fmt: skip


def _whole(scope: Credential | None) -> Credential:
    if scope is None:
        raise _incomplete("Credential must have exactly 5 slash-delimited elements: keyid/date/region/service/term")
    return scope


def _compact(http_date: str) -> str:
    if not http_date or re.fullmatch(r"\d{8}T\d{6}Z", http_date):
        return http_date
    try:
        moment = strptime(http_date, "%a, %d %b %Y %H:%M:%S GMT")
    except ValueError:
        return ""
    return "{:04d}{:02d}{:02d}T{:02d}{:02d}{:02d}Z".format(*moment[:6])


class Codes(NamedTuple):
    """How the older (query, XML) and the newer (JSON) services name the same refusals."""

    unknown_key: str
    mismatch: str
    expired: str


_JSON_CODES = Codes("UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException")
_QUERY_CODES = Codes("InvalidClientTokenId", "SignatureDoesNotMatch", "ExpiredToken")


def verify(message: Message, claim: Claim, find_key: FindKey, now_ms: int, *, query_protocol: bool = False) -> None:
    """Hold the claim against the key store. Raises Rejected with 403 and AWS's code and sentence."""
    codes = _QUERY_CODES if query_protocol else _JSON_CODES
    scope = claim.credential
    key = find_key(scope.access_key_id, claim.token)
    if key is None:
        raise Rejected(codes.unknown_key, "The security token included in the request is invalid.", 403)
    if key.expires_ms is not None and now_ms >= key.expires_ms:
        raise Rejected(codes.expired, "The security token included in the request is expired", 403)
    _check_time(claim, now_ms, codes)
    if key.session_token and not hmac.compare_digest(key.session_token.encode(), claim.token.encode()):
        raise Rejected(codes.unknown_key, "The security token included in the request is invalid.", 403)
    if "host" not in claim.signed_headers:
        raise Rejected(codes.mismatch, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.", 403)
    expected = signature(message, claim, key.secret)
    if not hmac.compare_digest(expected.encode(), claim.signature.encode()):
        raise Rejected(
            codes.mismatch,
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
            "Access Key and signing method. Consult the service documentation for details.",
            403,
        )


def _check_time(claim: Claim, now_ms: int, codes: Codes) -> None:
    try:
        signed_ms = timegm(strptime(claim.timestamp, "%Y%m%dT%H%M%SZ")) * 1000
    except ValueError as error:
        raise _incomplete(f"Date must be in ISO-8601 'basic format'. Got {claim.timestamp!r}.") from error
    if claim.timestamp[:8] != claim.credential.date:
        raise Rejected(codes.mismatch, "Credential should be scoped to the date of the request.", 403)
    if signed_ms > now_ms + SKEW_MS:
        latest, now = _stamp(now_ms + SKEW_MS), _stamp(now_ms)
        text = f"Signature not yet current: {claim.timestamp} is still later than {latest} ({now} + 15 min.)"
        raise Rejected(codes.mismatch, text, 403)
    if claim.expires_s is not None:
        if now_ms > signed_ms + claim.expires_s * 1000:
            raise Rejected("RequestExpired" if codes is _QUERY_CODES else codes.mismatch, "Request has expired.", 403)
    elif now_ms > signed_ms + SKEW_MS:
        earliest, now = _stamp(now_ms - SKEW_MS), _stamp(now_ms)
        text = f"Signature expired: {claim.timestamp} is now earlier than {earliest} ({now} - 15 min.)"
        raise Rejected(codes.mismatch, text, 403)


def _stamp(ms: int) -> str:
    return strftime("%Y%m%dT%H%M%SZ", gmtime(ms // 1000))


def signature(message: Message, claim: Claim, secret: str) -> str:
    """The signature that the request must carry, in hexadecimal."""
    scope = claim.credential
    canonical = canonical_request(message, claim)
    text = "\n".join(
        (
            ALGORITHM, claim.timestamp, f"{scope.date}/{scope.region}/{scope.signing_name}/aws4_request",
            hashlib.sha256(canonical.encode()).hexdigest(),
        )
    )  # fmt: skip
    key = _signing_key(secret, scope.date, scope.region, scope.signing_name)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


@lru_cache(maxsize=1024)
def _signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    key = b"AWS4" + secret.encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def canonical_request(message: Message, claim: Claim) -> str:
    """The text whose hash is signed."""
    s3 = claim.credential.signing_name == "s3"
    headers = _joined_headers(message)
    return "\n".join(
        (
            message.method.upper(),
            _canonical_path(message.raw_path, s3=s3),
            _canonical_query(message.raw_query),
            *(f"{name}:{headers.get(name, '')}" for name in claim.signed_headers),
            "",
            ";".join(claim.signed_headers),
            _payload_hash(message, s3=s3, presigned=claim.expires_s is not None),
        )
    )


def _joined_headers(message: Message) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name, value in message.headers:
        key, text = name.lower(), " ".join(value.split())
        found[key] = f"{found[key]},{text}" if key in found else text
    return found


def _canonical_path(raw_path: str, *, s3: bool) -> str:
    if s3:
        return raw_path or "/"
    # All but S3 encode the path, as sent, once more, after taking `.`, `..` and doubled slashes out.
    return quote(_normalised(raw_path), safe="/" + _SAFE)


def _normalised(path: str) -> str:
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts) + ("/" if parts and path.endswith("/") else "")


def _canonical_query(raw_query: str) -> str:
    pairs = []
    for part in raw_query.split("&"):
        if not part:
            continue
        name, _, value = part.partition("=")
        if name == "X-Amz-Signature":
            continue
        pairs.append((_requoted(name), _requoted(value)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _requoted(text: str) -> str:
    return quote(unquote(text.replace("+", "%20")), safe=_SAFE)


def _payload_hash(message: Message, *, s3: bool, presigned: bool) -> str:
    declared = message.header("x-amz-content-sha256")
    if declared == _UNSIGNED or declared.startswith("STREAMING-"):
        return declared
    if presigned and s3 and not declared:
        return _UNSIGNED
    # A declared hash is not believed: were it another body's, the signature must not match.
    return hashlib.sha256(message.body).hexdigest()
