"""Where what comes goes: files, standard output, and files named by the URL or by Content-Disposition."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import BinaryIO

from tests.curl.exits import Ended, Exit
from tests.curl.options import Operation, Target

_DISPOSITION = re.compile(
    rb"\ncontent-disposition:(?:[^\r\n]*?;)?[ \t]*filename=(\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^;\r\n]*)", re.IGNORECASE
)


class Sink:
    """One output. The file is made with the first octet; `named` gives it another name before that."""

    def __init__(self, operation: Operation, target: Target, name: str | None, *, append: bool = False) -> None:
        self._operation = operation
        self._target = target
        self._name = name
        self._append = append
        self._file: BinaryIO | None = None
        self.path: Path | None = None
        self.octets = 0

    @property
    def wants_name(self) -> bool:
        return self._target.remote_name and self._operation["remote-header-name"]

    @property
    def place(self) -> Path | None:
        """Where the file will be; None for standard output."""
        if self._name is None or self._name == "-":
            return None
        folder = self._operation.get("output-dir")
        return Path(folder, self._name) if folder is not None else Path(self._name)

    def named(self, head: bytes) -> None:
        """Take the name that a response's head gives."""
        match = _DISPOSITION.search(b"\n" + head)
        if match is None or self._file is not None:
            return
        text = os.fsdecode(match[1].strip())
        text = re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text
        text = re.split(r"[/\\]", text)[-1]
        text = text.strip("'") if text.startswith("'") else text
        if text:
            self._name = text

    def write(self, data: bytes) -> None:
        if self._file is None:
            self._file = self._opened()
        try:
            self._file.write(data)
            if self.path is None:
                self._file.flush()
        except OSError as error:
            raise Ended(Exit.WRITE_ERROR, str(error)) from None

    def again(self) -> None:
        """What was written comes once more, from the beginning."""
        if self._file is not None and self.path is not None:
            self._file.seek(0)
            self._file.truncate()

    def touch(self) -> None:
        """An output without an octet is a file all the same."""
        if self._file is None and self.place is not None:
            self._file = self._opened()

    def close(self) -> None:
        if self._file is not None and self.path is not None:
            self._file.close()
            self._file = None

    def drop(self) -> None:
        self.close()
        if self.path is not None:
            self.path.unlink(missing_ok=True)

    def _opened(self) -> BinaryIO:
        place = self.place
        if place is None:
            return sys.stdout.buffer
        if self._operation["create-dirs"]:
            place.parent.mkdir(parents=True, exist_ok=True)
        try:
            return self._kept(place)
        except OSError as error:
            raise Ended(Exit.WRITE_ERROR, f"{place}: {error.strerror}") from None

    def _kept(self, place: Path) -> BinaryIO:
        self.path = place
        if self._append:
            return place.open("ab")
        if self.wants_name and self._operation.flags.get("clobber") is not True:
            try:
                return place.open("xb")
            except FileExistsError:
                self.path = None
                raise
        if self._operation.flags.get("clobber") is not False:
            return place.open("wb")
        for number in range(101):
            self.path = place.with_name(f"{place.name}.{number}") if number else place
            try:
                return self.path.open("xb")
            except FileExistsError:
                continue
        self.path = None
        raise FileExistsError(17, "File exists")


def remote_name(url: str) -> str:
    """The last part of a URL's path (-O), and curl's name for what has none."""
    path = re.sub(r"^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*", "", url)
    name = re.split(r"[?#]", path)[0].rstrip("/").rpartition("/")[2]
    return name or "curl_response"


class Heads:
    """Where -D has the heads written."""

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def write(self, data: bytes) -> None:
        if self._path is None:
            return
        if self._file is None:
            try:
                self._file = sys.stdout.buffer if self._path == "-" else open(self._path, "wb")  # noqa: SIM115
            except OSError as error:
                raise Ended(Exit.WRITE_ERROR, f"{self._path}: {error.strerror}") from None
        self._file.write(data)
        self._file.flush()
