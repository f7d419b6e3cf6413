"""Signatures of messages to HTTP endpoints, with a certificate of our own, served at `/_dayfly/sns.pem`.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

from __future__ import annotations

import base64
import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # imported when a key is first needed: it takes long, and few topics have HTTP subscribers
    from cryptography.hazmat.primitives.asymmetric import rsa

_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


class Signer:
    """A key that is made when first needed and lives as long as the process, and its certificate."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        from cryptography.hazmat.primitives.asymmetric import rsa

        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @cached_property
    def certificate(self) -> bytes:
        """PEM."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.x509.oid import NameOID

        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        start = datetime.datetime.fromtimestamp(self._now_ms / 1000, datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start - datetime.timedelta(days=1))
            .not_valid_after(start + datetime.timedelta(days=3650))
            .sign(self._key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM)

    def sign(self, document: dict[str, Any], version: str) -> dict[str, Any]:
        """The document with its signature; version "1" is SHA1, "2" SHA256."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        names = _NOTIFICATION if document["Type"] == "Notification" else _CONFIRMATION
        text = "".join(f"{name}\n{document[name]}\n" for name in names if document.get(name) is not None)
        digest: hashes.HashAlgorithm = hashes.SHA256() if version == "2" else hashes.SHA1()
        signature = base64.b64encode(self._key.sign(text.encode(), padding.PKCS1v15(), digest)).decode()
        return document | {"SignatureVersion": version, "Signature": signature}
