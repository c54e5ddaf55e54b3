"""Mail servers of others, for the client's tests: aiosmtpd, and Postfix' smtp-sink.

server = await Aiosmtpd(self, folder, certificate=pem).start()
client = await connect(reactor, "127.0.0.1", server.port)
self.assertEqual(server.messages()[0]["octets"], b"...")
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import sys
import time
from pathlib import Path
from typing import Any, Self

from twisted.trial.unittest import SkipTest, TestCase

from tests.kit.daemon import short_folder
from tests.kit.ftpserver import ServerProcess
from tests.kit.programs import needs

USER, PASSWORD = "mulder", "trustno1"


class Aiosmtpd(ServerProcess):
    """aiosmtpd with one account, whose login it wants, and with STARTTLS; it refuses whoever is called nobody."""

    def __init__(self, test: TestCase, folder: Path, certificate: Path) -> None:
        super().__init__(test, folder)
        try:
            import aiosmtpd  # type: ignore[import-untyped]  # noqa: F401
        except ImportError:
            raise SkipTest("aiosmtpd is not installed") from None
        self._certificate = certificate

    async def start(self) -> Self:
        self.spawn(
            sys.executable, "-W", "ignore", "-m", "tests.kit.mailserver", str(self.folder), str(self._certificate)
        )
        await self.until(lambda: b"\n" in self.process.out)
        self.port = int(self.process.out.split(b"\n")[0])
        return self

    def messages(self) -> list[dict[str, Any]]:
        """What it has taken, in order."""
        found = []
        for file in sorted(self.folder.glob("*.json")):
            message = json.loads(file.read_text())
            message["octets"] = bytes.fromhex(message["octets"])
            found.append(message)
        return found


class SmtpSink(ServerProcess):
    """Postfix' smtp-sink, which writes each message to a file of its own; ``words`` are its options.

    Started by root it becomes nobody, who can't see the tests' folders.
    """

    def __init__(self, test: TestCase, *words: str) -> None:
        super().__init__(test, short_folder(test))
        self._program = needs(test, "smtp-sink")
        self._words = words
        if os.getuid() == 0:
            self.folder.chmod(0o777)
            self._words = ("-u", "nobody", *words)

    async def start(self) -> Self:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.spawn(self._program, *self._words, "-d", f"{self.folder}/%M.", f"127.0.0.1:{self.port}", "50")
        await self.until(self._answers)
        return self

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=10).close()
        except ConnectionRefusedError:
            return False
        return True

    def messages(self) -> list[bytes]:
        """What it has taken: the octets, lines ended with LF, behind fields of its own."""
        return [file.read_bytes() for file in sorted(self.folder.glob("[0-9]*"))]


def serve(folder: str, certificate: str) -> None:
    """What `Aiosmtpd` runs: prints the port and serves for ever."""
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import AuthResult

    class Handler:
        count = 0

        async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
            if address.startswith("nobody@"):
                return "550 5.1.1 nobody here by that name"
            envelope.rcpt_tos.append(address)
            return "250 OK"

        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            message = {
                "sender": envelope.mail_from,
                "options": envelope.mail_options,
                "recipients": envelope.rcpt_tos,
                "octets": envelope.original_content.hex(),
                "tls": session.ssl is not None,
            }
            file = Path(folder) / f"{Handler.count:06}"
            Handler.count += 1
            file.write_text(json.dumps(message))
            file.rename(file.with_suffix(".json"))
            return "250 2.0.0 taken"

    def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=False)

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(
        Handler(),
        hostname="127.0.0.1",
        port=port,
        tls_context=context,
        require_starttls=True,
        authenticator=authenticate,
        auth_required=True,
        enable_SMTPUTF8=True,
    )
    controller.start()  # type: ignore[no-untyped-call]
    print(port, flush=True)
    while True:
        time.sleep(60)


if __name__ == "__main__":
    serve(*sys.argv[1:])
