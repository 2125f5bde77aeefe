"""Certificates as a lab makes them for a cluster: one authority, and a key that it has signed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest


def certificates(folder: Path) -> dict[str, str]:
    """Files of a new authority in `folder`, as Dask's configuration names them."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    def signed(name, key, issuer, issuer_key, authority):
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(
            issuer_name=called(issuer),
            subject_name=called(name),
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - timedelta(hours=1),
            not_valid_after=now + timedelta(days=1),
        )
        limits = x509.BasicConstraints(ca=authority, path_length=None)
        return builder.add_extension(limits, critical=True).sign(issuer_key, hashes.SHA256())

    def called(name):
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])

    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    authority, node = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    folder.mkdir(parents=True, exist_ok=True)
    ca, cert, key = (folder / name for name in ("ca.pem", "node.pem", "node.key"))
    ca.write_bytes(signed("lab", authority, "lab", authority, True).public_bytes(pem))
    cert.write_bytes(signed("node", node, "lab", authority, False).public_bytes(pem))
    key.write_bytes(node.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    found = {"distributed.comm.tls.ca-file": str(ca)}
    for who in ("scheduler", "worker", "client"):
        found[f"distributed.comm.tls.{who}.cert"] = str(cert)
        found[f"distributed.comm.tls.{who}.key"] = str(key)
    return found
