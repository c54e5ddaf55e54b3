"""APOP (RFC 1939 section 7): a digest in place of the password, for those who still need it.

The server must have the secret itself, so accounts' passwords won't do: there is a file of secrets that are good for
nothing else. MD5 is the protocol's choice; under TLS every other login is better.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from hmac import compare_digest
from pathlib import Path

from netdaemon.accounts.names import normal_name

MAX_FILE = 16 * 1024 * 1024
"""Octets of the file."""


class BadSecrets(ValueError):
    """A file of secrets that won't do; the text says which one and where, and none of what stands there."""


def read_secrets(file: Path) -> Mapping[str, bytes]:
    """The lines ``NAME SECRET`` of a file that nobody else may read. Raises BadSecrets."""
    try:
        with file.open("rb") as opened:
            if stat.S_IMODE(os.fstat(opened.fileno()).st_mode) & 0o077:
                raise BadSecrets(f"{file} can be read by others: chmod 600 it")
            octets = opened.read(MAX_FILE + 1)
    except OSError as error:
        raise BadSecrets(f"{file}: {error.strerror}") from None
    if len(octets) > MAX_FILE:
        raise BadSecrets(f"{file} is larger than {MAX_FILE} octets")
    secrets: dict[str, bytes] = {}
    for number, line in enumerate(octets.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith((b"#", b";")):
            continue
        word, _, secret = line.strip().partition(b" ")
        name = normal_name(word.decode("utf-8", "replace"))
        if name is None or not secret.strip():
            raise BadSecrets(f"{file}:{number}: the line is not NAME SECRET")
        if name in secrets:
            raise BadSecrets(f"{file}:{number}: {name} has a secret already")
        secrets[name] = secret.strip()
    return secrets


def knows(secrets: Mapping[str, bytes], name: str, banner: bytes, digest: bytes) -> bool:
    """Is ``digest`` (hexadecimal) that of the banner, ``<...>``, with the secret of ``name``? The same work for all."""
    normal = normal_name(name)
    secret = secrets.get(normal) if normal is not None else None
    right = hashlib.md5(banner + (secret or b""), usedforsecurity=False).hexdigest().encode()
    return compare_digest(right, digest.lower()) and secret is not None
