"""TLS on several workers: a client comes back to the one that has its session."""

from __future__ import annotations

import socket
import ssl
from collections import Counter
from typing import Any

from twisted.internet.threads import deferToThread

from tests.kit.caller import call
from tests.kit.workers import TWO, WorkersCase, echo
from tests.wire.handshakes import anybody

TLS = "tls:0:interface=127.0.0.1"
WHO = f"[who]\nkind = tests.kit.kinds:who\nlisten = {TLS}\n"


def ask(port: int, host: str, context: ssl.SSLContext, session: Any = None) -> tuple[int, bool, Any]:
    """Which process answers a connection from ``host``, whether it resumed ``session``, and the next session."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=60, source_address=(host, 0)) as clear,
        context.wrap_socket(clear, session=session) as connection,
    ):
        pid = int(b"".join(iter(lambda: connection.recv(100), b"")))
        return pid, bool(connection.session_reused), connection.session


def come_back(port: int, hosts: list[str], version: ssl.TLSVersion) -> list[list[tuple[int, bool]]]:
    """Three connections from each of ``hosts``, the later ones with the session of the one before."""
    context = anybody(least=version, most=version)
    visits = []
    for host in hosts:
        session = None
        visit: list[tuple[int, bool]] = []
        for _ in range(3):
            pid, resumed, session = ask(port, host, context, session)
            visit.append((pid, resumed))
        visits.append(visit)
    return visits


class StickyTests(WorkersCase):
    async def test_an_address_has_one_worker_and_its_sessions_resume(self) -> None:
        daemon = await self.started(TWO + WHO)
        hosts = [f"127.0.{host % 3}.{host}" for host in range(1, 61)]
        workers: Counter[int] = Counter()
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            for first, *others in await deferToThread(come_back, daemon.port("who", "tls"), hosts, version):
                self.assertEqual(others, [(first[0], True)] * 2)
                workers[first[0]] += 1
        self.assertEqual(len(workers), 2)
        self.assertLessEqual(max(workers.values()), 0.6 * sum(workers.values()))
        await self.stopped(daemon)

    async def test_not_when_it_is_not_wanted(self) -> None:
        daemon = await self.started(TWO + "[tls]\nsticky = no\n" + WHO)
        hosts = ["127.0.0.1"] * 20
        visits = await deferToThread(come_back, daemon.port("who", "tls"), hosts, ssl.TLSVersion.TLSv1_3)
        self.assertEqual(len({pid for visit in visits for pid, _ in visit}), 2)
        await self.stopped(daemon)

    async def test_a_reload_changes_it(self) -> None:
        daemon = await self.started(TWO + WHO)
        for sticky, workers in (("no", 2), ("yes", 1)):
            self.assertTrue(await daemon.reload(f"{TWO}[tls]\nsticky = {sticky}\n{WHO}"), daemon.output)
            await self.one_crew(daemon)
            hosts = ["127.0.0.1"] * 20
            visits = await deferToThread(come_back, daemon.port("who", "tls"), hosts, ssl.TLSVersion.TLSv1_3)
            self.assertEqual(len({pid for visit in visits for pid, _ in visit}), workers)
        await self.stopped(daemon)

    async def test_the_limit_of_an_address_is_its_workers_whole(self) -> None:
        daemon = await self.started(TWO + echo("hello", "max-connections-per-address = 4\n", TLS))
        for _ in range(4):
            await (await call(self, daemon.port("echo", "tls"), tls=True)).until(b"hello 127.0.0.1\n")
        await self.stopped(daemon)
