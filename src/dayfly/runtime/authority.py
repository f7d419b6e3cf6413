"""A certificate authority of the platform's own: functions that open TLS connections to AWS's host names reach us.

One root, made once and kept in the state directory (its key mode 600), signs a short certificate for each server name
when a client first asks for it. The bundle for clients holds the system's roots and ours.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from dayfly.clock import Clock

if TYPE_CHECKING:  # takes long to import, and many platforms never mint a certificate: imported where one is
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

_YEAR = datetime.timedelta(days=365)
_SLACK = datetime.timedelta(days=2)


class Authority:
    """`directory` holds `ca.key`, `ca.pem` (ours alone), `bundle.pem` (all roots) and a certificate per name.

    They are made by `prepare`, which may run in a thread; the paths are known before.
    """

    def __init__(self, *, directory: Path, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._making = threading.Lock()
        self._root: tuple[ec.EllipticCurvePrivateKey, x509.Certificate] | None = None

    def prepare(self) -> None:
        """Make or read the root, and write the files. Takes some ten milliseconds; may be called again."""
        with self._making:
            if self._root is None:
                self._directory.mkdir(parents=True, exist_ok=True)
                root = self._load_or_make()
                self._write_bundle()
                self._root = root

    @property
    def _signing(self) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        self.prepare()
        assert self._root is not None
        return self._root

    @property
    def certificate(self) -> Path:
        """Our root alone; for NODE_EXTRA_CA_CERTS."""
        return self._directory / "ca.pem"

    @property
    def bundle(self) -> Path:
        """All roots and ours; for AWS_CA_BUNDLE, SSL_CERT_FILE, REQUESTS_CA_BUNDLE."""
        return self._directory / "bundle.pem"

    def server_context(self) -> ssl.SSLContext:
        """A context for a listener: it answers each server name with a certificate of that name. Prepares."""
        context = self._context("localhost")
        context.sni_callback = self._choose
        return context

    def _choose(self, connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> int | None:
        if name:
            try:
                connection.context = self._context(name.lower())
            except ValueError:
                return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        return None

    def _context(self, name: str) -> ssl.SSLContext:
        context = self._contexts.get(name)
        if context is None:
            path = self._minted(name)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.set_alpn_protocols(["http/1.1"])
            context.load_cert_chain(path)
            if len(self._contexts) > 1000:
                self._contexts.clear()
            self._contexts[name] = context
        return context

    def _now(self) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(self._clock.now_ms() / 1000, datetime.UTC)

    def _load_or_make(self) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import NameOID

        key_path = self._directory / "ca.key"
        if key_path.exists() and self.certificate.exists():
            try:
                key = serialization.load_pem_private_key(key_path.read_bytes(), None)
                certificate = x509.load_pem_x509_certificate(self.certificate.read_bytes())
            except ValueError:
                key = None  # a crash left one of them unfinished: both are made anew
            if (
                isinstance(key, ec.EllipticCurvePrivateKey)
                and certificate.public_key() == key.public_key()
                and certificate.not_valid_after_utc > self._now() + _SLACK
            ):
                return key, certificate
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "dayfly local authority")])
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now() - _SLACK)
            .not_valid_after(self._now() + 10 * _YEAR)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        _write_private(key_path, _key_bytes(key))
        _write_public(self.certificate, certificate.public_bytes(serialization.Encoding.PEM))
        for stale in self._directory.glob("name-*.pem"):
            stale.unlink()
        return key, certificate

    def _minted(self, name: str) -> Path:
        """A file with a certificate for a name, its key and no more. Raises ValueError for what is no host name."""
        if (
            len(name) > 253
            or not name.replace("-", "").replace(".", "").replace("_", "").isalnum()
            or name.startswith(".")
        ):
            raise ValueError(f"{name!r} is not a host name")
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

        root_key, root = self._signing
        path = self._directory / f"name-{name}.pem"
        if path.exists():
            known = x509.load_pem_x509_certificate(path.read_bytes())
            if known.not_valid_after_utc > self._now() + _SLACK:
                return path
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.DNSName(name)]
        if name == "localhost":
            names += [x509.DNSName("*.localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])]))
            .issuer_name(root.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now() - _SLACK)
            .not_valid_after(self._now() + _YEAR)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
            .sign(root_key, hashes.SHA256())
        )
        _write_private(path, certificate.public_bytes(serialization.Encoding.PEM) + _key_bytes(key))
        return path

    def _write_bundle(self) -> None:
        paths = ssl.get_default_verify_paths()
        roots = b""
        for candidate in (
            paths.cafile,
            paths.openssl_cafile,
            "/etc/ssl/certs/ca-certificates.crt",
            "/etc/pki/tls/certs/ca-bundle.crt",
        ):
            if candidate and Path(candidate).is_file():
                roots = Path(candidate).read_bytes()
                break
        _write_public(self.bundle, roots.rstrip() + b"\n" + self.certificate.read_bytes())


def _key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_private(path: Path, data: bytes) -> None:
    _write(path, data, 0o600)


def _write_public(path: Path, data: bytes) -> None:
    _write(path, data, 0o644)


def _write(path: Path, data: bytes, mode: int) -> None:
    """Wholly or not at all."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(fd, "wb") as stream:
        stream.write(data)
        os.fchmod(fd, mode)
    fresh.replace(path)
