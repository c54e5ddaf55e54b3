"""One URL on its way to its place: what `netdaemon get` does with each."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netdaemon.cli.progress import Bars
from netdaemon.cli.terminal import complain
from netdaemon.url.opened import Opened, StatusRefused
from netdaemon.url.opener import Opener
from netdaemon.wire.category import Category
from netdaemon.wire.failures import Failed
from netdaemon.wire.partfile import PartFile, write_whole


class WrongChecksum(Failed):
    """All of it has come, and it is not what it should be."""

    category = Category.PARTIAL


@dataclass(frozen=True)
class Manner:
    """How all of a command's URLs are fetched."""

    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    resume: bool = False
    quiet: bool = False
    checksum: tuple[str, bytes] | None = None
    """hashlib's name of an algorithm, and the digest."""
    heads: bool = False
    """Print the status and the headers in place of the octets."""
    as_json: bool = False
    """Print a line of JSON for each URL."""


class Fetch:
    """One URL. ``name`` is the URL without its password, ``place`` a file or None for standard output."""

    def __init__(self, opener: Opener, url: str, name: str, place: Path | None, manner: Manner, bars: Bars) -> None:
        self._opener = opener
        self._url = url
        self._name = name
        self._place = place
        self._manner = manner
        self._bars = bars
        self._digest = hashlib.new("sha256" if manner.checksum is None else manner.checksum[0])
        self._wants_digest = manner.checksum is not None or manner.as_json
        self._octets = 0
        self._told: dict[str, Any] = {"url": name}

    async def run(self) -> int:
        """The exit status; what went wrong has been said."""
        status = 0
        try:
            if self._place is None:
                await self._to_output()
            else:
                await self._to_file(self._place)
        except Failed as error:
            if isinstance(error, StatusRefused):
                self._told |= {"status": error.status, "headers": list(error.headers.items())}
            self._failed(str(error))
            status = int(error.category)
        except BrokenPipeError:
            raise  # whoever reads our output has seen enough
        except OSError as error:
            self._failed(f"{error.filename or self._place or 'standard output'}: {error.strerror or error}")
            status = int(Category.LOCAL)
        if self._manner.as_json:
            print(json.dumps({**self._told, "octets": self._octets, "exit": status}), flush=True)
        return status

    def _failed(self, message: str) -> None:
        self._told["error"] = message
        complain(message)

    async def _open(self, begun: Any) -> Opened:
        manner = self._manner
        opened = await self._opener.open(self._url, method=manner.method, headers=manner.headers, begun=begun)
        self._told |= {"final_url": opened.url, "status": opened.status, "headers": list(opened.headers.items())}
        return opened

    async def _to_output(self) -> None:
        opened = await self._open(None)
        sys.stdout.flush()
        if self._manner.heads:
            await opened.close()
            if not self._manner.as_json:
                write_whole(1, head_of(opened))
            return
        await self._copy(opened, lambda data: write_whole(1, data))
        self._check()

    async def _to_file(self, place: Path) -> None:
        file = PartFile(place)
        opened = await self._open(file.begun(self._name) if self._manner.resume else None)
        self._told["file"] = str(place)
        if opened.remark:
            self._remark(opened.remark)
        try:
            if opened.start:
                file.go_on()
                if self._wants_digest:
                    self._read_begun(file.part)
            else:
                file.open(self._name, opened.validator, opened.size)
            await self._copy(opened, file.write)
        except BaseException:
            await opened.close()
            if kept := file.leave():
                self._remark(f"{kept} octets are in {file.part}, --resume goes on with them")
            raise
        try:
            self._check()
        except Failed:
            file.drop()
            raise
        file.finish()

    def _read_begun(self, part: Path) -> None:
        with open(part, "rb") as begun:
            while data := begun.read(1 << 20):
                self._digest.update(data)

    async def _copy(self, opened: Opened, write: Callable[[bytes], object]) -> None:
        label = self._place.name if self._place is not None else self._name
        bar = self._bars.add(label, opened.start, opened.size)
        try:
            async for octets in opened:
                write(octets)
                self._octets += len(octets)
                if self._wants_digest:
                    self._digest.update(octets)
                bar.advance(len(octets))
        finally:
            bar.show()

    def _check(self) -> None:
        wanted = self._manner.checksum
        if self._wants_digest:
            self._told[self._digest.name] = self._digest.hexdigest()
        if wanted is not None and self._digest.digest() != wanted[1]:
            raise WrongChecksum(
                f"{self._name}: its {wanted[0]} is {self._digest.hexdigest()}, which is not the one given"
            )

    def _remark(self, text: str) -> None:
        if not self._manner.quiet:
            complain(f"{self._name}: {text}")


def head_of(opened: Opened) -> bytes:
    """Status and headers as lines, controls escaped."""
    from netdaemon.wire.escape import escape

    lines = [f"{name}: {value}" for name, value in opened.headers.items()]
    if opened.status is not None:
        lines.insert(0, f"HTTP {opened.status} {opened.reason}".rstrip())
    return b"".join(os.fsencode(escape(line)) + b"\n" for line in lines)
