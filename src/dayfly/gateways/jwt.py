"""JSON Web Tokens for JWT authorizers: signature, issuer, audience, times.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
"""

from __future__ import annotations

import asyncio
import binascii
from base64 import urlsafe_b64decode
from typing import TYPE_CHECKING, Any

import msgspec

from dayfly.errors import NOT_JSON, Error
from dayfly.gateways.outgoing import BackendFailed, fetch, is_ours
from dayfly.identity.names import InvalidArn, parse_arn

if TYPE_CHECKING:  # imported for the first token: it takes long, and few platforms have a JWT authorizer
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

_ALGORITHMS = frozenset({"RS256", "RS384", "RS512"})
_KEYS_S = 300
_FETCH_S = 1.5  # AWS gives an issuer 1,500 ms
_OWN_FETCH_S = 15.0  # a user pool of ours may have to start first


class JwtRefused(Error):
    """The token does not hold."""


class JwtExpired(JwtRefused):
    """The token held once."""


def _bytes(text: str) -> bytes:
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as error:
        raise JwtRefused("the token is not base64url") from error


def _document(text: str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(_bytes(text))
    except NOT_JSON as error:
        raise JwtRefused("the token is not JSON") from error
    if not isinstance(found, dict):
        raise JwtRefused("the token is not JSON")
    return found


class Keys:
    """Issuers' public keys, kept for five minutes."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, dict[str, RSAPublicKey]]] = {}

    async def claims(self, token: str, issuer: str, audience: list[str], now_s: int) -> dict[str, Any]:
        """The claims of a token that holds. Raises JwtRefused."""
        parts = token.split(".")
        if len(parts) != 3:
            raise JwtRefused("the token has not three parts")
        header, claims = _document(parts[0]), _document(parts[1])
        algorithm = str(header.get("alg"))
        if algorithm not in _ALGORITHMS:
            raise JwtRefused(f"algorithm {header.get('alg')} is not supported")
        key = (await self._of(issuer, now_s)).get(str(header.get("kid")))
        if key is None:
            raise JwtRefused("the token is signed by an unknown key")
        _verify(key, algorithm, _bytes(parts[2]), f"{parts[0]}.{parts[1]}".encode())
        _check(claims, issuer, audience, now_s)
        return claims

    async def user_claims(self, token: str, pools: list[str], now_s: int) -> dict[str, Any]:
        """The claims of a token that one of these Cognito user pools (ARNs) issued. Raises JwtRefused."""
        parts = token.split(".")
        issuer = str(_document(parts[1]).get("iss")) if len(parts) == 3 else ""
        if issuer not in [issuer_of(pool) for pool in pools]:
            raise JwtRefused("the token is of another user pool")
        return await self.claims(token, issuer, [], now_s)

    async def _of(self, issuer: str, now_s: int) -> dict[str, RSAPublicKey]:
        known = self._known.get(issuer)
        if known is not None and known[0] > now_s:
            return known[1]
        base = issuer.rstrip("/")
        configuration = await _get(f"{base}/.well-known/openid-configuration")
        jwks = await _get(str(configuration.get("jwks_uri") or f"{base}/.well-known/jwks.json"))
        keys = {str(key.get("kid")): _public(key) for key in jwks.get("keys", ()) if key.get("kty") == "RSA"}
        self._known[issuer] = (now_s + _KEYS_S, keys)
        return keys


def issuer_of(pool_arn: str) -> str:
    """What a Cognito user pool calls itself in its tokens. Raises JwtRefused for what is no ARN."""
    try:
        arn = parse_arn(pool_arn)
    except InvalidArn as error:
        raise JwtRefused(f"{pool_arn} is no user pool") from error
    suffix = "amazonaws.com.cn" if arn.region.startswith("cn-") else "amazonaws.com"
    return f"https://cognito-idp.{arn.region}.{suffix}/{arn.resource.removeprefix('userpool/')}"


def _verify(key: RSAPublicKey, algorithm: str, signature: bytes, text: bytes) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

    digests = {"RS256": hashes.SHA256(), "RS384": hashes.SHA384(), "RS512": hashes.SHA512()}
    try:
        key.verify(signature, text, PKCS1v15(), digests[algorithm])
    except InvalidSignature as error:
        raise JwtRefused("the signature does not hold") from error


def _public(key: dict[str, Any]) -> RSAPublicKey:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

    exponent, modulus = (int.from_bytes(_bytes(str(key[name])), "big") for name in ("e", "n"))
    return RSAPublicNumbers(exponent, modulus).public_key()


async def _get(url: str) -> dict[str, Any]:
    try:
        limit_s = _OWN_FETCH_S if is_ours(url) else _FETCH_S
        reply = await asyncio.wait_for(fetch("GET", url, [], b""), limit_s)
        found = msgspec.json.decode(reply.body if isinstance(reply.body, bytes) else b"")
    except (BackendFailed, TimeoutError, *NOT_JSON) as error:
        raise JwtRefused(f"the issuer's keys cannot be read from {url}: {error}") from error
    return found if isinstance(found, dict) else {}


def _check(claims: dict[str, Any], issuer: str, audience: list[str], now_s: int) -> None:
    if claims.get("iss") != issuer:
        raise JwtRefused("the token is of another issuer")
    given = claims.get("aud", claims.get("client_id"))
    if audience and not set(given if isinstance(given, list) else [given]) & set(audience):
        raise JwtRefused("the token is for another audience")
    if "exp" in claims and float(claims["exp"]) < now_s:
        raise JwtExpired("The incoming token has expired")
    if any(float(claims.get(name, 0)) > now_s for name in ("nbf", "iat")):
        raise JwtRefused("the token is not valid yet")
