"""HTTPS on the built-in server: a centre's own certificate authority, server certificates by it, and a look before serving.

The authority's key signs server certificates and nothing else, and only for the names given when it was made (name
constraints): what is installed in the browsers of an exam room must not be good for other sites. It lives in a folder of its
own, apart from what the server reads, so that it can be kept on another medium.
"""

import ipaddress
import os
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LASTS = timedelta(days=3653)
SERVER_LASTS = timedelta(days=397)
"""What browsers accept of any authority."""
ALLOWANCE = timedelta(days=1)
"""Clocks of exam-room PCs may be behind."""
SOON = timedelta(days=21)
HERE = ("localhost", "127.0.0.1")
"""Also in every certificate: checks on the machine itself."""
NO_NAME, NO_ADDRESS = "jikao.invalid", "192.0.2.0/32"
"""Allowed when none of the kind was given, so that none of the kind is."""

NAME = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")

Host = x509.DNSName | x509.IPAddress


class TlsError(Exception):
    """Certificate or key cannot be used or made; the message says why."""


@dataclass(frozen=True)
class Folders:
    """Where things are: the authority apart from what the server reads."""

    authority: Path
    server: Path

    @property
    def authority_cert(self) -> Path:
        """To be installed in the browsers."""
        return self.authority / "ca.crt"

    @property
    def authority_key(self) -> Path:
        """To be locked away."""
        return self.authority / "ca.key"

    @property
    def cert(self) -> Path:
        """For `JIKAO_TLS_CERT`."""
        return self.server / "server.crt"

    @property
    def key(self) -> Path:
        """For `JIKAO_TLS_KEY`."""
        return self.server / "server.key"


@dataclass(frozen=True)
class Made:
    """What was made: names, the authority's fingerprint (SHA-256, as browsers show it), the server certificate's last day."""

    hosts: tuple[str, ...]
    fingerprint: str
    ends: datetime


def check(cert: Path, key: Path, now: datetime) -> str:
    """Raise `TlsError` unless the server can serve with these; a sentence about what is due soon, or ""."""
    certificate = _read_certificate(cert)
    private = _read_key(key)
    if certificate.public_key() != private.public_key():
        raise TlsError(f"{key} is not the key of the certificate in {cert}: give the two that were made together")
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now > ends:
        raise TlsError(f"the certificate in {cert} ended on {_day(ends)}: jikao tls renew makes a new one")
    if now < begins:
        raise TlsError(f"the certificate in {cert} begins on {_day(begins)}: is this machine's clock right?")
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(cert, key)
    except ssl.SSLError as error:
        raise TlsError(f"{cert} and {key} cannot be used: {error.reason or error}") from None
    if ends - now < SOON:
        return f"The certificate in {cert} ends on {_day(ends)}: renew it before (jikao tls renew)."
    return ""


def make(hosts: Sequence[str], folders: Folders, now: datetime) -> Made:
    """An authority and a first server certificate. Refuses to replace an authority: browsers trust the old one."""
    if folders.authority_key.exists() or folders.authority_cert.exists():
        raise TlsError(
            f"{folders.authority} holds an authority already. jikao tls renew makes a new server certificate by it; for other "
            "names move that folder away, make a new one, and install it in the browsers again"
        )
    names = _hosts([*hosts, *HERE])
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Jikao {hosts[0]} {now:%Y-%m-%d}"[:64])])
    builder = (
        _builder(subject, subject, private.public_key(), now, now + AUTHORITY_LASTS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.NameConstraints(permitted_subtrees=_permitted(names), excluded_subtrees=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
    )
    certificate = builder.sign(private, hashes.SHA256())
    _write_new(folders.authority_key, _pem(private))
    _write_new(folders.authority_cert, certificate.public_bytes(serialization.Encoding.PEM), mode=0o644)
    return _serve_by(certificate, private, names, folders, now)


def renew(hosts: Sequence[str], folders: Folders, now: datetime) -> Made:
    """A new server key and certificate by the same authority, for the same names or for those of `hosts`."""
    certificate, private = _read_certificate(folders.authority_cert), _read_key(folders.authority_key)
    if not isinstance(private, ec.EllipticCurvePrivateKey) or certificate.public_key() != private.public_key():
        raise TlsError(f"{folders.authority_key} is not the key of {folders.authority_cert}")
    if now > certificate.not_valid_after_utc - SERVER_LASTS:
        raise TlsError(f"the authority in {folders.authority} ends on {_day(certificate.not_valid_after_utc)}: make a new one")
    names = _hosts([*hosts, *HERE]) if hosts else _names_of(_read_certificate(folders.cert))
    foreign = [str(name.value) for name in names if not _allows(certificate, name)]
    if foreign:
        raise TlsError(
            f"this authority was made for other names and may not sign for {', '.join(foreign)}: make a new one for them"
        )
    return _serve_by(certificate, private, names, folders, now)


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 in pairs of hex digits, as browsers and Windows show it."""
    return ":".join(f"{byte:02X}" for byte in certificate.fingerprint(hashes.SHA256()))


def _serve_by(
    authority: x509.Certificate, private: ec.EllipticCurvePrivateKey, names: list[Host], folders: Folders, now: datetime
) -> Made:
    key = ec.generate_private_key(ec.SECP256R1())
    ends = now + SERVER_LASTS
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(names[0].value)[:64])])
    certificate = (
        _builder(subject, authority.subject, key.public_key(), now, ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)  # type: ignore[arg-type]
        .sign(private, hashes.SHA256())
    )
    _replace(folders.key, _pem(key))
    _replace(folders.cert, certificate.public_bytes(serialization.Encoding.PEM), mode=0o644)
    return Made(tuple(str(name.value) for name in names), fingerprint(authority), ends)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - ALLOWANCE)
        .not_valid_after(ends)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _hosts(given: Sequence[str]) -> list[Host]:
    found: dict[str, Host] = {}
    for host in given:
        name = host.strip().lower().rstrip(".")
        try:
            found[name] = x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            if not re.fullmatch(
                r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*", name
            ):
                raise TlsError(
                    f"'{host}' is neither a name nor an address: write it as browsers do, without http:// and port"
                ) from None
            found[name] = x509.DNSName(name)
    return list(found.values())


def _permitted(names: list[Host]) -> list[x509.GeneralName]:
    dns: list[x509.GeneralName] = [name for name in names if isinstance(name, x509.DNSName)]
    nets: list[x509.GeneralName] = [
        x509.IPAddress(ipaddress.ip_network(name.value)) for name in names if isinstance(name, x509.IPAddress)
    ]
    return [*(dns or [x509.DNSName(NO_NAME)]), *(nets or [x509.IPAddress(ipaddress.ip_network(NO_ADDRESS))])]


def _allows(authority: x509.Certificate, name: Host) -> bool:
    allowed = authority.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    if isinstance(name, x509.DNSName):
        return any(isinstance(one, x509.DNSName) and f".{name.value}".endswith(f".{one.value}") for one in allowed)
    return any(isinstance(one, x509.IPAddress) and name.value in one.value for one in allowed)  # type: ignore[operator]


def _names_of(certificate: x509.Certificate) -> list[Host]:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [name for name in names if isinstance(name, x509.DNSName | x509.IPAddress)]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TlsError(f"{path} cannot be read: {error.strerror}") from None


def _read_certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(_read(path))[0]
    except (ValueError, IndexError):
        raise TlsError(f"{path} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)") from None


def _read_key(path: Path) -> PrivateKeyTypes:
    try:
        return serialization.load_pem_private_key(_read(path), None)
    except TypeError:
        raise TlsError(f"{path} is locked by a password; the server wants it without (openssl pkey -in … -out …)") from None
    except (ValueError, UnsupportedAlgorithm, InvalidSignature):
        raise TlsError(f"{path} holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)") from None


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _write_new(path: Path, data: bytes, mode: int = 0o600) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)


def _replace(path: Path, data: bytes, mode: int = 0o600) -> None:
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    _write_new(new, data, mode)
    new.replace(path)


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"
