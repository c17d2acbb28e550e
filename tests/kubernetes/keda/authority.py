"""Certificates by openssl.

Fed by a folder; feeds the API server, KEDA, the control plane, agents and receivers with
certificates. Guarantees that nothing is trusted beyond the folder's authority.
"""

import subprocess


class TestAuthority:
    """An authority, and what it signs."""

    def __init__(self, folder, name):
        self.folder = folder
        folder.mkdir()
        self.certificate, self.key = folder / "ca.pem", folder / "ca.key"
        openssl(
            "req", "-x509", *NEW_KEY, "-days", "2", "-subj", f"/CN={name}",
            "-keyout", self.key, "-out", self.certificate,
        )

    def issue(self, name, *other_names):
        """The paths of a certificate for both sides of a connection and of its key."""
        certificate, key, request, extensions = (
            self.folder / f"{name}{end}" for end in (".pem", ".key", ".csr", ".ext")
        )
        names = ",".join(other_names or [f"DNS:{name}"])
        extensions.write_text(f"subjectAltName={names}\nextendedKeyUsage=serverAuth,clientAuth\n")
        openssl("req", *NEW_KEY, "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        openssl(
            "x509", "-req", "-days", "2", "-in", request, "-CA", self.certificate, "-CAkey", self.key,
            "-CAcreateserial", "-extfile", extensions, "-out", certificate,
        )
        return certificate, key


NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
