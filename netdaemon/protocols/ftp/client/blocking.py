"""The FTP client for programs without a reactor: the same client, on sockets that block.

    with connect("ftp.example.org", settings=Settings(tls=TLS.EXPLICIT)) as ftp:
        for entry in ftp.folder("pub"):
            print(entry.name, entry.size)
        with open("README", "wb") as file:
            ftp.download("pub/README", file)

Nothing here decides anything: each method runs the coroutine of that name (`session.FTP`, `commands.Commands`), which
on blocking sockets never waits, to its end. One thread at a time may use a session; several sessions need nothing of
each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from types import TracebackType
from typing import BinaryIO, Self

from netdaemon.protocols.ftp.client import session
from netdaemon.protocols.ftp.client.commands import Entry, Hash
from netdaemon.protocols.ftp.client.download import Download as AsyncDownload
from netdaemon.protocols.ftp.client.errors import told
from netdaemon.protocols.ftp.client.settings import ANONYMOUS, TLS, Settings
from netdaemon.protocols.ftp.client.sockets import SocketControl, SocketLinks
from netdaemon.protocols.ftp.client.url import PORTS
from netdaemon.protocols.ftp.grammar.replies import Reply
from netdaemon.wire.blocking import run
from netdaemon.wire.blockinglink import reach

__all__ = ["FTP", "TLS", "Download", "Settings", "connect"]

Source = Iterable[bytes] | BinaryIO


def connect(
    host: str,
    port: int | None = None,
    *,
    user: str = ANONYMOUS,
    password: str = "netdaemon@",
    account: str | None = None,
    settings: Settings | None = None,
) -> FTP:
    """A login at ``host``; as the awaitable `connect`. Raises Failed."""
    settings = settings or Settings()
    implicit = settings.tls is TLS.IMPLICIT
    port = port or PORTS["ftps" if implicit else "ftp"]
    tls = partial(settings.context, host) if implicit else None
    with told():
        control = reach(SocketControl, host, port, tls, settings.timeouts, settings.transcript)
    made = session.FTP(control, SocketLinks(settings.timeouts), host, settings)
    try:
        run(made.begin(user, password, account))
    except BaseException:
        made.abort()
        raise
    return FTP(made)


class FTP:
    """One login; ``session`` is the client that does the work."""

    def __init__(self, made: session.FTP) -> None:
        self.session = made

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        if kind is not None:
            self.session.abort()
        self.quit()

    def quit(self) -> None:
        run(self.session.quit())

    # --- commands --------------------------------------------------------------------------------------------

    def do(self, verb: str, *arguments: str) -> Reply:
        return run(self.session.do(verb, *arguments))

    def login(self, user: str, password: str, account: str | None = None) -> Reply:
        return run(self.session.login(user, password, account))

    def rein(self) -> None:
        run(self.session.rein())

    def features(self) -> Mapping[str, str]:
        return run(self.session.features())

    def cwd(self, path: str) -> None:
        run(self.session.cwd(path))

    def cdup(self) -> None:
        run(self.session.cdup())

    def pwd(self) -> str:
        return run(self.session.pwd())

    def mkd(self, path: str) -> str:
        return run(self.session.mkd(path))

    def rmd(self, path: str) -> None:
        run(self.session.rmd(path))

    def dele(self, path: str) -> None:
        run(self.session.dele(path))

    def rename(self, old: str, new: str) -> None:
        run(self.session.rename(old, new))

    def size(self, path: str) -> int:
        return run(self.session.size(path))

    def mdtm(self, path: str) -> float:
        return run(self.session.mdtm(path))

    def mfmt(self, path: str, modified: float) -> None:
        run(self.session.mfmt(path, modified))

    def mlst(self, path: str = "") -> Entry:
        return run(self.session.mlst(path))

    def hash(self, path: str, algorithm: str = "SHA-256") -> Hash:
        return run(self.session.hash(path, algorithm))

    def noop(self) -> None:
        run(self.session.noop())

    def site(self, command: str) -> Reply:
        return run(self.session.site(command))

    def stat(self, path: str = "") -> Reply:
        return run(self.session.stat(path))

    def abor(self) -> None:
        run(self.session.abor())

    # --- documents -------------------------------------------------------------------------------------------

    def retrieve(self, path: str, *, offset: int = 0, size: int | None = None, text: bool = False) -> Download:
        return Download(run(self.session.retrieve(path, offset=offset, size=size, text=text)))

    def retrbinary(self, path: str, callback: Callable[[bytes], object], *, offset: int = 0) -> None:
        run(self.session.retrbinary(path, callback, offset=offset))

    def retrlines(self, path: str, callback: Callable[[str], object]) -> None:
        run(self.session.retrlines(path, callback))

    def download(self, path: str, file: BinaryIO, *, text: bool | None = None) -> None:
        run(self.session.download(path, file, text=text))

    def store(self, path: str, source: Source, *, offset: int = 0, text: bool = False) -> Reply:
        return run(self.session.store(path, source, offset=offset, text=text))

    def append(self, path: str, source: Source, *, text: bool = False) -> Reply:
        return run(self.session.append(path, source, text=text))

    def store_unique(self, source: Source, path: str = "", *, text: bool = False) -> str | None:
        return run(self.session.store_unique(source, path, text=text))

    def storbinary(
        self, path: str, file: Source, callback: Callable[[bytes], object] | None = None, *, offset: int = 0
    ) -> Reply:
        return run(self.session.storbinary(path, file, callback, offset=offset))

    def storlines(self, path: str, file: Source, callback: Callable[[bytes], object] | None = None) -> Reply:
        return run(self.session.storlines(path, file, callback))

    def upload(self, file: BinaryIO, path: str, *, text: bool | None = None) -> Reply:
        return run(self.session.upload(file, path, text=text))

    # --- folders ---------------------------------------------------------------------------------------------

    def entries(self, path: str = "") -> Iterator[Entry]:
        coming = self.session.entries(path)
        try:
            while True:
                try:
                    entry = run(anext(coming))
                except StopAsyncIteration:
                    return
                yield entry
        finally:
            run(coming.aclose())

    def folder(self, path: str = "") -> list[Entry]:
        return run(self.session.folder(path))

    def nlst(self, path: str = "") -> list[str]:
        return run(self.session.nlst(path))

    def list_lines(self, path: str = "") -> list[str]:
        return run(self.session.list_lines(path))


class Download(Iterator[bytes]):
    """What comes of a document: an iterator of its octets, which is read to its end or closed."""

    def __init__(self, coming: AsyncDownload) -> None:
        self._coming = coming

    @property
    def reply(self) -> Reply | None:
        """What the server said behind the last octet."""
        return self._coming.reply

    def __next__(self) -> bytes:
        try:
            return run(self._coming.__anext__())
        except StopAsyncIteration:
            raise StopIteration from None

    def close(self) -> None:
        """Read no further, by ABOR: the session goes on."""
        run(self._coming.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        run(self._coming.close() if kind is None else self._coming.drop())
