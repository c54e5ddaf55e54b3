"""The SMTP server as smtplib, swaks, msmtp, s-nail, mutt, curl and Postfix' smtp-source see it."""

from __future__ import annotations

import smtplib
import ssl
from typing import Any

from tests.flows.smtppost import MAIL, PASSWORD, USER, PostTestCase

ME, HER = "mulder@localhost", "scully@localhost"


def trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class SmtplibTests(PostTestCase):
    async def test_a_message(self) -> None:
        def send() -> Any:
            with smtplib.SMTP("127.0.0.1", self.ports["smtp"]) as client:
                return client.sendmail("a@example.org", [HER, ME, "nobody@localhost"], MAIL)

        refused = await self.away(send)
        self.assertEqual({name: reply[0] for name, reply in refused.items()}, {"nobody@localhost": 550})
        self.assertEqual(self.taken().octets, MAIL)

    async def test_submission(self) -> None:
        def send() -> None:
            with smtplib.SMTP("127.0.0.1", self.ports["submission"]) as client:
                client.starttls(context=trusting())
                client.login(USER, PASSWORD)
                client.sendmail(ME, ["f\xf6x@example.org"], MAIL, mail_options=["SMTPUTF8", "BODY=8BITMIME"])
                client.sendmail(ME, [HER], MAIL, rcpt_options=["NOTIFY=SUCCESS"])
            with smtplib.SMTP_SSL("127.0.0.1", self.ports["tls"], context=trusting()) as client:
                client.login(USER, PASSWORD)
                client.sendmail(ME, [HER], MAIL)

        await self.away(send)
        protocols = [taken.envelope.protocol for taken in self.delivery.messages]
        self.assertEqual(protocols, ["UTF8SMTPSA", "ESMTPSA", "ESMTPSA"])
        self.assertIn(b"(TLSv1.3 TLS_", self.delivery.messages[0].prefix)

    async def test_refusals(self) -> None:
        def send() -> None:
            with smtplib.SMTP("127.0.0.1", self.ports["submission"]) as client:
                with self.assertRaises(smtplib.SMTPSenderRefused):
                    client.sendmail(ME, [HER], MAIL)
                client.starttls(context=trusting())
                with self.assertRaises(smtplib.SMTPAuthenticationError):
                    client.login(USER, "wrong")
            client = smtplib.SMTP("127.0.0.1", self.ports["smtp"])
            with client, self.assertRaises(smtplib.SMTPRecipientsRefused):
                client.sendmail(ME, ["x@example.org"], MAIL)

        await self.away(send)
        self.assertEqual(self.delivery.messages, [])

    async def test_lmtp(self) -> None:
        def send() -> Any:
            with smtplib.LMTP("127.0.0.1", self.ports["lmtp"]) as client:
                return client.sendmail("a@example.org", [HER], MAIL)

        self.assertEqual(await self.away(send), {})
        self.assertEqual(self.taken().envelope.protocol, "LMTP")


class SwaksTests(PostTestCase):
    async def swaks(self, port: str, *arguments: str, status: int = 0) -> str:
        done = await self.program(
            "swaks", "--server", "127.0.0.1", "--port", str(self.ports[port]), "--from", ME, "--to", HER,
            "--helo", "client.example", "--body", "hello", *arguments, status=status,
        )  # fmt: skip
        return done.out.decode()

    async def test_plain_and_tls(self) -> None:
        login = ("--auth-user", USER, "--auth-password", PASSWORD)
        for port, arguments in (
            ("smtp", ("--pipeline",)),
            ("smtp", ("--protocol", "SMTP")),
            ("submission", ("--auth", "PLAIN", *login)),
            ("submission", ("--auth", "LOGIN", *login)),
            ("submission", ("--tls", "--auth", "PLAIN", *login)),
            ("tls", ("--tls-on-connect", "--auth", "LOGIN", *login)),
            ("lmtp", ("--protocol", "LMTP")),
        ):
            await self.swaks(port, *arguments)
            self.assertIn(b"\r\n\r\nhello\r\n", self.taken().octets)

    async def test_refused(self) -> None:
        # swaks: 24 the envelope's recipients, 28 the login, 23 the sender
        self.assertIn("550 5.7.1", await self.swaks("smtp", "--to", "x@example.org", status=24))
        self.assertIn("530 5.7.0", await self.swaks("submission", status=23))
        wrong = ("--auth", "PLAIN", "--auth-user", USER, "--auth-password", "wrong")
        self.assertIn("535 5.7.8", await self.swaks("submission", *wrong, status=28))
        self.assertEqual(self.delivery.messages, [])

    async def test_xclient(self) -> None:
        from ipaddress import ip_network

        from netdaemon.protocols import smtp

        self.ports["xclient"] = self.listen(smtp.smtp, xclient=(ip_network("127.0.0.0/8"),))
        await self.swaks("xclient", "--xclient", "NAME=mail.example.org ADDR=192.0.2.7")
        self.assertIn(b"(mail.example.org [192.0.2.7])", self.taken().prefix.replace(b"\r\n", b""))


class OtherProgramTests(PostTestCase):
    async def test_msmtp(self) -> None:
        for port, mechanism, tls in (
            ("submission", "plain", "off"),
            ("submission", "scram-sha-256", "on"),
            ("submission", "login", "on"),
            ("tls", "plain", "on"),
        ):
            await self.program(
                "msmtp", "--host=127.0.0.1", f"--port={self.ports[port]}", f"--auth={mechanism}", f"--user={USER}",
                f"--passwordeval=echo {PASSWORD}", f"--tls={tls}", f"--tls-starttls={'off' if port == 'tls' else 'on'}",
                "--tls-certcheck=off", f"--from={ME}", "--domain=client.example", HER,
                input=MAIL.replace(b"\r\n", b"\n"),
            )  # fmt: skip
            taken = self.taken()
            self.assertTrue(taken.octets.endswith(MAIL), taken.octets)  # msmtp puts fields in front of it
            self.assertEqual(taken.envelope.account, USER)

    async def test_curl(self) -> None:
        (self.folder / "mail").write_bytes(MAIL)
        for url, arguments in (
            (f"smtp://127.0.0.1:{self.ports['smtp']}/client.example", ()),
            (f"smtp://127.0.0.1:{self.ports['submission']}", ("-u", f"{USER}:{PASSWORD}")),
            (f"smtp://127.0.0.1:{self.ports['submission']}", ("--ssl-reqd", "-u", f"{USER}:{PASSWORD}")),
            (f"smtps://127.0.0.1:{self.ports['tls']}", ("-u", f"{USER}:{PASSWORD}")),
        ):
            await self.program("curl", "-ksS", url, *arguments, "--mail-from", ME, "--mail-rcpt", HER, "-T", "mail")
            self.assertEqual(self.taken().octets, MAIL)

    async def test_s_nail(self) -> None:
        await self.program(
            "s-nail", "-n", "-S", "v15-compat", "-S", f"from={ME}", "-S", "smtp-config=-all,ehlo,plain", "-S",
            f"mta=smtp://{USER}:{PASSWORD}@127.0.0.1:{self.ports['submission']}", "-S", "sendwait", "-s",
            "The truth", HER, input=b"is out there\n",
        )  # fmt: skip
        self.assertIn(b"Subject: The truth\r\n", self.taken().octets)

    async def test_mutt(self) -> None:
        await self.program(
            "mutt", "-n", "-F", "/dev/null", "-e", f'set smtp_url="smtp://{USER}@127.0.0.1:{self.ports["submission"]}/"',
            "-e", f'set smtp_pass="{PASSWORD}"', "-e", f'set from="{ME}"', "-e", "set ssl_starttls=no ssl_force_tls=no",
            "-e", 'set smtp_authenticators="plain"', "-e", 'set record=""', "-s", "The truth", HER,
            input=b"is out there\n",
        )  # fmt: skip
        self.assertIn(b"is out there", self.taken().octets)

    async def test_smtp_source(self) -> None:
        for arguments in ((), ("-d",), ("-L",)):
            port = self.ports["lmtp" if arguments == ("-L",) else "smtp"]
            await self.program(
                "smtp-source", "-s", "5", "-m", "30", "-l", "10240", "-f", "a@example.org", "-t", HER, *arguments,
                f"127.0.0.1:{port}",
            )  # fmt: skip
            self.assertEqual(len(self.delivery.messages), 30)
            self.assertGreater(len(self.delivery.messages[0].octets), 10_000)
            self.delivery.messages.clear()
