"""Going on with a document of which the server has the beginning."""

from __future__ import annotations

from collections.abc import Callable

from netdaemon.protocols.ftp.client.errors import Refused
from netdaemon.protocols.ftp.client.session import FTP
from netdaemon.protocols.ftp.grammar.replies import Reply
from netdaemon.wire.outgoing import Chunks

PART = ".part"
"""Behind a document's name: where an atomic server keeps an upload of it that broke off, for REST and STOR."""

DIGESTS = {"SHA-256": "sha256", "SHA-512": "sha512", "SHA-1": "sha1"}
"""Names of the feature HASH to hashlib's, the best first."""


async def begins_like(ftp: FTP, path: str, octets: int, digest: Callable[[str], bytes]) -> bool | None:
    """Are the ``octets`` that the server has of ``path`` the first ones of ours? None when it can't tell (HASH).

    ``digest`` makes ours, given hashlib's name.
    """
    offered = [word.strip("* ").upper() for word in (await ftp.features()).get("HASH", "").split(";")]
    algorithm = next((name for name in DIGESTS if name in offered), None)
    if algorithm is None:
        return None
    try:
        theirs = await ftp.hash(path, algorithm)
    except Refused:
        return None
    return theirs.start == 0 and theirs.end in (octets, octets - 1) and theirs.digest == digest(DIGESTS[algorithm])


async def store_rest(ftp: FTP, path: str, offset: int, source: Callable[[], Chunks]) -> Reply:
    """Send what comes behind the ``offset`` octets that the server has: by REST, or by APPE where that is refused."""
    try:
        return await ftp.store(path, source(), offset=offset)
    except Refused as error:
        if error.reply.code not in (500, 501, 502, 504, 554):
            raise
    return await ftp.append(path, source())


async def set_time(ftp: FTP, path: str, modified: float) -> bool:
    """Give a document its time, by MFMT; False where that is not known."""
    if "MFMT" not in await ftp.features():
        return False
    try:
        await ftp.mfmt(path, modified)
    except Refused:
        return False
    return True
