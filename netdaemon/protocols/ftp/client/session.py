"""A session with an FTP server: documents both ways, and folders."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import BinaryIO

from netdaemon.protocols.ftp.client.commands import Commands, Entry, argument, entry_of, text_of
from netdaemon.protocols.ftp.client.download import Download
from netdaemon.protocols.ftp.client.errors import Broken, Refused, failure, told
from netdaemon.protocols.ftp.client.text import Lines, is_text, with_crlf, without_cr
from netdaemon.protocols.ftp.client.transfers import Transfer
from netdaemon.protocols.ftp.grammar.facts import parse_facts
from netdaemon.protocols.ftp.grammar.listing import listed_of, parse_listed
from netdaemon.protocols.ftp.grammar.replies import Reply
from netdaemon.wire.failures import TooLarge
from netdaemon.wire.outgoing import Chunks, each

CHUNK = 64 * 1024
"""Octets read from a file at once."""

MAX_LISTING = 256 * 1024 * 1024
"""Octets of one folder's listing, some two million names."""


class FTP(Commands):
    """One login at one server.

    Names are text in UTF-8; what is no UTF-8 keeps its octets, as "surrogateescape" has it. Every call raises
    Failed; ValueError for a name with CR, LF or NUL in it, which could become a command. Calls may be made at once:
    they wait for each other. While a transfer is open, everything else waits for its end.
    """

    # --- from the server -------------------------------------------------------------------------------------

    async def retrieve(self, path: str, *, offset: int = 0, size: int | None = None, text: bool = False) -> Download:
        """Begin to fetch a document, behind its first ``offset`` octets; ``text`` by TYPE A.

        Of ``size``, the octets of the whole, the rest must come: less is Broken.
        """
        kind = b"A" if text else b"I"
        transfer = await Transfer.begin(self, b"RETR " + argument(path), type=kind, offset=offset)
        if size is None and not text and not offset:
            size = _announced(transfer.begun)
        return Download(transfer, None if size is None or text else size - offset)

    async def retrbinary(self, path: str, callback: Callable[[bytes], object], *, offset: int = 0) -> None:
        """Hand a document's octets to ``callback``, as they come."""
        async with await self.retrieve(path, offset=offset) as download:
            async for chunk in download:
                callback(chunk)

    async def retrlines(self, path: str, callback: Callable[[str], object]) -> None:
        """Hand a text's lines to ``callback``, without their ends."""
        async with aclosing(self._lines(b"RETR " + argument(path))) as lines:
            async for line in lines:
                callback(text_of(line))

    async def download(self, path: str, file: BinaryIO, *, text: bool | None = None) -> None:
        """Write a document to ``file``; as ``text``, with the line ends of this side, if its extension says so."""
        wants_text = is_text(path) if text is None else text
        async with await self.retrieve(path, text=wants_text) as download:
            async for chunk in without_cr(download) if wants_text else download:
                file.write(chunk)

    # --- to the server ---------------------------------------------------------------------------------------

    async def store(self, path: str, source: Chunks | BinaryIO, *, offset: int = 0, text: bool = False) -> Reply:
        """Send a document; behind its first ``offset`` octets, which the server has, when that is not 0 (REST)."""
        return (await self._send(b"STOR " + argument(path), source, offset, text))[1]

    async def append(self, path: str, source: Chunks | BinaryIO, *, text: bool = False) -> Reply:
        """Send what comes behind the end of a document (APPE)."""
        return (await self._send(b"APPE " + argument(path), source, 0, text))[1]

    async def store_unique(self, source: Chunks | BinaryIO, path: str = "", *, text: bool = False) -> str | None:
        """Send a document under a name that the server chooses (STOU); the name, or None where it isn't told."""
        line = b"STOU " + argument(path) if path else b"STOU"
        begun, final = await self._send(line, source, 0, text)
        for reply in (begun, final):
            # RFC 1123 4.1.2.9: 150 FILE: pppp, or 125
            match = re.search(rb"FILE: *(.+)$", reply.text, re.IGNORECASE)
            if match is not None:
                return text_of(match[1].strip())
        return None

    async def storbinary(
        self, path: str, file: Chunks | BinaryIO, callback: Callable[[bytes], object] | None = None, *, offset: int = 0
    ) -> Reply:
        """Send a document's octets; ``callback`` hears of each piece that is on its way."""
        return await self.store(path, _heard(file, callback), offset=offset)

    async def storlines(
        self, path: str, file: Chunks | BinaryIO, callback: Callable[[bytes], object] | None = None
    ) -> Reply:
        """Send a text, its lines ended as the wire has it; ``callback`` hears of each piece."""
        return await self.store(path, _heard(file, callback), text=True)

    async def upload(self, file: BinaryIO, path: str, *, text: bool | None = None) -> Reply:
        """Send ``file``; as ``text`` if its name's extension says so."""
        return await self.store(path, file, text=is_text(path) if text is None else text)

    async def _send(self, line: bytes, source: Chunks | BinaryIO, offset: int, text: bool) -> tuple[Reply, Reply]:
        chunks = _chunks(source)
        if text:
            chunks = with_crlf(chunks)
        transfer = await Transfer.begin(self, line, type=b"A" if text else b"I", offset=offset)
        try:
            broken: Broken | None = None
            try:
                async with aclosing(each(chunks)) as every:
                    async for chunk in every:
                        await transfer.data.write(chunk)
                await transfer.data.finish()
            except Broken as error:
                broken = error
            except BaseException:
                # By a reset: an end of the data in good order would make a whole document of what there is.
                await transfer.drop()
                raise
            return transfer.begun, await transfer.end(broken)
        except Broken as error:
            reply = error.reply
            if reply is not None and not reply.ok and reply.code != 426:
                raise failure(reply) from None  # 452, 552: it is the document that the server doesn't want
            raise

    # --- folders ---------------------------------------------------------------------------------------------

    async def entries(self, path: str = "") -> AsyncGenerator[Entry, None]:
        """What stands in a folder, as it comes: by MLSD, or by LIST where that is not known.

        Without a ``path``, the current one. The folder itself and its parent are left out. Whoever does not read all
        of it closes it, by ``aclose``. Raises NotSpoken for a LIST in a format that is not known here.
        """
        if self._mlsd and not (await self.features() or {"MLST": ""}).keys() & {"MLST", "MLSD"}:
            self._mlsd = False
        if self._mlsd:
            try:
                async with aclosing(self._lines(_with(b"MLSD", path))) as lines:
                    async for line in lines:
                        with told():
                            entry = listed_of(parse_facts(line))
                        if entry is not None:
                            yield entry_of(entry)
                return
            except Refused as error:
                if error.reply.code not in (500, 502):
                    raise
                self._mlsd = False
        now = self.links.seconds()
        # "-x" would be taken for an option, by those who hand it to ls
        async with aclosing(self._lines(_with(b"LIST", f"./{path}" if path.startswith("-") else path))) as lines:
            async for line in lines:
                with told():
                    listed = parse_listed(line, now)
                if listed is not None and listed.name not in (b".", b".."):
                    yield entry_of(listed)

    async def folder(self, path: str = "") -> list[Entry]:
        """All of `entries`."""
        return [entry async for entry in self.entries(path)]

    async def nlst(self, path: str = "") -> list[str]:
        """The names in a folder, as the server writes them: with the folder in front, or without."""
        return [text_of(line) async for line in self._lines(_with(b"NLST", path))]

    async def list_lines(self, path: str = "") -> list[str]:
        """The lines of LIST, in whatever format the server has."""
        return [text_of(line) async for line in self._lines(_with(b"LIST", path))]

    async def _lines(self, command: bytes) -> AsyncGenerator[bytes, None]:
        """The lines of a transfer in TYPE A."""
        async with Download(await Transfer.begin(self, command, type=b"A")) as download:
            lines = Lines()
            size = 0
            async for chunk in download:
                size += len(chunk)
                if size > MAX_LISTING and not command.startswith(b"RETR"):
                    raise TooLarge(f"a listing of more than {MAX_LISTING} octets")
                for line in lines.feed(chunk):
                    yield line
            for line in lines.finish():
                yield line


def _with(verb: bytes, path: str) -> bytes:
    return verb + b" " + argument(path) if path else verb


def _announced(begun: Reply) -> int | None:
    """The size in ``150 Opening ... (1234 bytes)``, which RFC 959 shows and many servers say."""
    match = re.search(rb"\(([0-9]{1,18}) bytes\)", begun.text, re.IGNORECASE)
    return int(match[1]) if match else None


def _chunks(source: Chunks | BinaryIO) -> Chunks:
    """A file in pieces of a fair size; its lines, which it would iterate over, may be of any."""
    read = getattr(source, "read", None)
    return iter(lambda: read(CHUNK), b"") if read is not None else source


async def _heard(source: Chunks | BinaryIO, callback: Callable[[bytes], object] | None) -> AsyncIterator[bytes]:
    async for chunk in each(_chunks(source)):
        yield chunk
        if callback is not None:
            callback(chunk)
