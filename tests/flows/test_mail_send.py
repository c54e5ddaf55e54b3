"""`netdaemon mail send` with a server, and every way in which it may end."""

from __future__ import annotations

import socket

from tests.flows.smtppost import PASSWORD, USER, PostTestCase
from tests.kit.command import Done, command


class SendTests(PostTestCase):
    async def send(
        self, port: str | int, *arguments: str, login: str = "", text: bytes = b"out there\n", **names: str
    ) -> Done:
        scheme = names.get("scheme", "smtp")
        number = self.ports[port] if isinstance(port, str) else port
        words = [
            "mail",
            "send",
            f"{scheme}://{login}localhost:{number}",
            "--from",
            names.get("sender", "mulder@localhost"),
        ]
        return await command(*words, *arguments, input=text, HOME=str(self.folder))

    async def good(self, port: str, *arguments: str, text: bytes = b"out there\n", **names: str) -> bytes:
        done = await self.send(port, *arguments, text=text, **names)
        self.assertEqual((done.status, done.out, done.err), (0, b"", ""))
        return self.taken().octets

    async def test_a_text(self) -> None:
        octets = await self.good("smtp", "--to", "scully@localhost", "mulder@localhost", "--subject", "The truth")
        self.assertIn(b"\r\nSubject: The truth\r\n", octets)
        self.assertTrue(octets.endswith(b"\r\n\r\nout there\r\n"))

    async def test_a_whole_message(self) -> None:
        octets = await self.good("smtp", "--to", "scully@localhost", text=b"Subject: it\n\nis\n", sender="")
        self.assertTrue(octets.endswith(b"Subject: it\r\n\r\nis\r\n"))

    async def test_logins(self) -> None:
        pem = str(self.folder / "host.pem")
        to = ("--to", "scully@localhost", "--cacert", pem)
        login = f"{USER}:{PASSWORD}@"
        await self.good("submission", *to, login=login)
        await self.good("submission", "--starttls", *to, login=login)
        await self.good("tls", *to, login=login, scheme="smtps")
        await self.good("tls", "--insecure", "--to", "scully@localhost", login=login, scheme="smtps")
        await self.good("lmtp", *to, scheme="lmtp")
        netrc = self.folder / ".netrc"
        netrc.write_text(f"machine localhost login {USER} password {PASSWORD}\n")
        netrc.chmod(0o600)
        await self.good("submission", *to)

    async def test_what_is_said_without_secrets(self) -> None:
        done = await self.send("submission", "-v", "--to", "scully@localhost", login=f"{USER}:{PASSWORD}@")
        self.assertEqual(done.status, 0)
        self.assertIn("C: MAIL FROM:<mulder@localhost>", done.err)
        self.assertNotIn(PASSWORD, done.err)
        self.delivery.messages.clear()

    async def test_failures(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            nobody = free.getsockname()[1]
        to = ("--to", "scully@localhost")
        for status, port, arguments, names in (
            (2, "smtp", ("--to", "scully"), {}),
            (2, "smtp", to, {"scheme": "http"}),
            (2, "smtp", (), {}),
            (3, nobody, to, {}),
            (4, "smtp", ("--starttls", *to), {}),
            (4, "tls", to, {"scheme": "smtps"}),
            (5, "submission", to, {"login": f"{USER}:wrong@"}),
            (5, "submission", to, {}),
            (6, "smtp", ("--to", "nobody@localhost"), {}),
            (8, "smtp", ("--to", "nobody@localhost", "scully@localhost"), {}),
        ):
            done = await self.send(port, *arguments, **names)  # type: ignore[arg-type]
            self.assertEqual(done.status, status, (arguments, names, done.err))
            self.assertTrue(done.err)
            self.assertNotIn("Traceback", done.err)
            self.assertNotIn("wrong@", done.err)
        self.delivery.messages.clear()
        self.delivery.fails = OSError("no disk")
        self.assertEqual((await self.send("smtp", *to)).status, 7)
