"""Certificates for servers and clients on loopback, made by OpenSSL's command for one test run."""

import ssl
import subprocess
from pathlib import Path

_DAYS = ["-days", "2"]


class Authority:
    """A certificate authority in a folder; `ca` is its certificate."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._folder = folder
        self.ca = folder / f"{name}.pem"
        self._key = folder / f"{name}.key"
        _openssl("req", "-x509", *_new_key(self._key), "-out", self.ca, "-subj", f"/CN={name}")

    def issue(self, name: str) -> tuple[Path, Path]:
        """A certificate for 127.0.0.1 and its key."""
        asked, key = self._folder / f"{name}.csr", self._folder / f"{name}.key"
        out, more = self._folder / f"{name}.pem", self._folder / f"{name}.ext"
        more.write_text("subjectAltName=IP:127.0.0.1\n")
        _openssl("req", *_new_key(key), "-out", asked, "-subj", f"/CN={name}")
        signed = ["-CA", self.ca, "-CAkey", self._key, "-CAcreateserial", "-extfile", more]
        _openssl("x509", "-req", "-in", asked, *signed, "-out", out, *_DAYS)
        return out, key

    def serve(self, *, wants_client: bool = False) -> ssl.SSLContext:
        """What a server on 127.0.0.1 shows, and whom it lets in."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issue("server"))
        if wants_client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.ca)
        return context


def _new_key(file: Path) -> list[str | Path]:
    made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    return [*made, "-keyout", file]


def _openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
