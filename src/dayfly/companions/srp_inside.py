"""Passwords that are proved and not sent (USER_SRP_AUTH), inside the child process: standard library and moto only.

moto takes any proof for a good one. The group is the 3072-bit one of RFC 3526 with generator 2; what clients hash is
the pool's id after its underscore, the id that they were told, and the password.

https://datatracker.ietf.org/doc/html/rfc5054#section-2.5.3
https://docs.aws.amazon.com/cognito/latest/developerguide/authentication-flows-public-server-side.html
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from dataclasses import dataclass
from functools import cache
from typing import Any

_BITS = 3072
_G = 2
_INFO = b"Caldera Derived Key"
_WRONG = "Incorrect username or password."


@dataclass(frozen=True, slots=True)
class Proof:
    """What a sign-in that goes on must be answered with."""

    signed: bytes
    """What comes before the time in the text that the client signs."""
    key: bytes


@cache
def prime() -> int:
    """https://datatracker.ietf.org/doc/html/rfc3526#section-4: it is made of π, so that nobody can have chosen it."""
    return (1 << _BITS) - (1 << _BITS - 64) - 1 + (1 << 64) * (_pi(_BITS - 130) + 1_690_314)


def _pi(bits: int) -> int:
    """π with so many bits behind the point, by Machin's formula."""

    def arctan_of_one_by(x: int) -> int:
        term = one // x
        total, divisor, sign = term, 1, 1
        while term:
            term //= x * x
            divisor, sign = divisor + 2, -sign
            total += sign * (term // divisor)
        return total

    one = 1 << bits + 64
    return 4 * (4 * arctan_of_one_by(5) - arctan_of_one_by(239)) >> 64


def padded(number: int) -> bytes:
    """Big-endian, and with a zero in front where it would be negative otherwise."""
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def _hashed(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha256(b"".join(parts)).digest(), "big")


def challenge(pool: str, user: str, password: str, their: int, block: bytes, random: Any) -> tuple[int, int, Proof]:
    """A salt and B for the A of the client, and the proof that only who has the password can give."""
    n = prime()
    salt, b = random.getrandbits(128), random.getrandbits(1024)
    name = pool.rpartition("_")[2].encode() + user.encode()
    x = _hashed(padded(salt), hashlib.sha256(name + b":" + password.encode()).digest())
    verifier = pow(_G, x, n)
    our = (_hashed(padded(n), padded(_G)) * verifier + pow(_G, b, n)) % n
    u = _hashed(padded(their), padded(our))
    secret = pow(their * pow(verifier, u, n), b, n)
    extracted = hmac.digest(padded(u), padded(secret), "sha256")
    key = hmac.digest(extracted, _INFO + b"\1", "sha256")[:16]
    return salt, our, Proof(name + block, key)


def is_proof(proof: Proof, timestamp: str, signature: str) -> bool:
    wanted = hmac.digest(proof.key, proof.signed + timestamp.encode(), "sha256")
    return hmac.compare_digest(b64encode(wanted), signature.encode())


def verify_passwords() -> None:
    """Make moto give real challenges, and take right answers only."""
    from moto.cognitoidp import models
    from moto.cognitoidp.exceptions import InvalidParameterException, NotAuthorizedError

    backend_type = models.CognitoIdpBackend
    initiate, respond = backend_type.initiate_auth, backend_type.respond_to_auth_challenge
    open_proofs: dict[str, Proof | None] = {}
    """By the block that the client gives back; None where nothing is right."""

    def initiate_auth(self: Any, client_id: str, auth_flow: str, auth_parameters: dict[str, str]) -> dict[str, Any]:
        answer = initiate(self, client_id, auth_flow, auth_parameters)
        if auth_flow != "USER_SRP_AUTH":
            return answer
        try:
            their = int(auth_parameters["SRP_A"], 16)
        except ValueError:
            their = 0
        if their % prime() == 0:
            raise InvalidParameterException("SRP_A is not valid.")
        username, pool = self.sessions.pop(answer["Session"])
        block = b64encode(answer["Session"].encode()).decode()
        self.sessions[block] = username, pool
        told, user = answer["ChallengeParameters"], pool._get_user(username)
        salt, our, proof = challenge(
            pool.id, told["USER_ID_FOR_SRP"], user.password or "", their, b64decode(block), vars(models)["random"]
        )
        open_proofs[block] = proof if user.password else None
        told |= {"SALT": f"{salt:x}", "SRP_B": f"{our:x}", "SECRET_BLOCK": block}
        return {**answer, "Session": block}

    def respond_to_auth_challenge(
        self: Any, session: str, client_id: str, challenge_name: str, challenge_responses: dict[str, str]
    ) -> dict[str, Any]:
        if challenge_name == "PASSWORD_VERIFIER":
            block = challenge_responses.get("PASSWORD_CLAIM_SECRET_BLOCK", "")
            proof = open_proofs.pop(block, None)
            told = (challenge_responses.get(name, "") for name in ("TIMESTAMP", "PASSWORD_CLAIM_SIGNATURE"))
            username, pool = self.sessions.get(block, ("", None))
            user = pool._get_user(username) if pool else None
            answering = (user.username, user.id, username) if user else ()
            if proof is None or challenge_responses.get("USERNAME") not in answering or not is_proof(proof, *told):
                raise NotAuthorizedError(_WRONG)
        return respond(self, session, client_id, challenge_name, challenge_responses)

    backend_type.initiate_auth = initiate_auth  # type: ignore[method-assign]
    backend_type.respond_to_auth_challenge = respond_to_auth_challenge  # type: ignore[method-assign]
