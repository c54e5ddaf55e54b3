"""Several sessions that share out a heap of work."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.ftp.client import ConnectFailed, Failed, NoAnswer, Refused
from netdaemon.protocols.ftp.client.pool import TRIES, Pool
from netdaemon.protocols.ftp.grammar.replies import Reply


class Session:
    """Stands in for an FTP."""

    gone = False

    def abort(self) -> None:
        self.gone = True

    async def quit(self) -> None:
        self.gone = True


class PoolTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.connecting: list[Deferred[Session]] = []
        self.running: list[tuple[str, Session, Deferred[None]]] = []
        self.failures: list[tuple[str, Failed]] = []
        self.pool = self.made(3)

    def made(self, size: int) -> Any:
        async def connect() -> Session:
            self.connecting.append(Deferred())
            return await self.connecting[-1]

        return Pool(connect, size)  # type: ignore[arg-type]

    def add(self, name: str) -> None:
        async def job(session: Any) -> None:
            done: Deferred[None] = Deferred()
            self.running.append((name, session, done))
            await done

        self.pool.add(job, lambda error: self.failures.append((name, error)))

    def work(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.pool.work())

    def let_in(self) -> None:
        waiting = [one for one in self.connecting if not one.called]
        for one in waiting:
            one.callback(Session())

    def finish(self, index: int = 0, error: Exception | None = None) -> None:
        _, _, done = self.running.pop(index)
        if error is None:
            done.callback(None)
        else:
            done.errback(error)

    def names(self) -> list[str]:
        return [name for name, _, _ in self.running]

    def test_nothing_to_do(self) -> None:
        self.successResultOf(self.work())
        self.assertEqual(self.connecting, [])

    def test_shared_out(self) -> None:
        for name in "abcde":
            self.add(name)
        work = self.work()
        self.assertEqual(len(self.connecting), 1, "the first comes alone")
        self.let_in()
        self.assertEqual(self.names(), ["a"])
        self.assertEqual(len(self.connecting), 3)
        self.let_in()
        self.assertEqual(self.names(), ["a", "b", "c"])
        self.finish(1)
        self.assertEqual(self.names(), ["a", "c", "d"])
        for _ in range(4):
            self.assertNoResult(work)
            self.finish()
        self.successResultOf(work)
        self.add("f")
        again = self.work()
        self.assertEqual((self.names(), len(self.connecting)), (["f"], 3), "sessions are kept")
        self.finish()
        self.successResultOf(again)

    def test_jobs_make_jobs(self) -> None:
        self.add("a")
        work = self.work()
        self.let_in()
        self.add("b")
        self.let_in()
        self.finish()
        self.assertNoResult(work)
        self.finish()
        self.successResultOf(work)

    def test_a_failure_is_the_job_s_alone(self) -> None:
        self.add("a")
        self.add("b")
        work = self.work()
        self.let_in()
        refused = Refused(Reply(550, (b"no",)))
        self.finish(0, refused)
        self.let_in()
        self.finish()
        self.successResultOf(work)
        self.assertEqual(self.failures, [("a", refused)])

    def test_a_lost_connection_is_made_again(self) -> None:
        self.add("a")
        work = self.work()
        for attempt in range(TRIES):
            self.assertEqual(self.failures, [])
            self.let_in()
            self.assertEqual(len(self.connecting), attempt + 1)
            self.running[0][1].gone = True
            self.finish(0, NoAnswer("gone"))
        self.successResultOf(work)
        self.assertEqual([name for name, _ in self.failures], ["a"])

    def test_no_connection_at_all(self) -> None:
        self.add("a")
        work = self.work()
        self.connecting[0].errback(ConnectFailed("nobody"))
        self.failureResultOf(work, ConnectFailed)

    def test_one_too_many(self) -> None:
        for name in "abcd":
            self.add(name)
        work = self.work()
        self.let_in()
        for one in self.connecting[1:]:
            one.errback(ConnectFailed("421 enough"))
        for name in "abcd":
            self.assertEqual(self.names(), [name])
            self.finish()
        self.successResultOf(work)
        self.assertEqual(self.failures, [])

    def test_one_too_many_and_then_that_one_is_lost(self) -> None:
        for name in "abc":
            self.add(name)
        work = self.work()
        self.let_in()
        for one in self.connecting[1:]:
            one.errback(ConnectFailed("421 enough"))
        self.running[0][1].gone = True
        self.finish(0, NoAnswer("gone"))
        self.let_in()
        for name in "bca":
            self.assertEqual(self.names(), [name])
            self.assertNoResult(work)
            self.finish()
        self.successResultOf(work)

    def test_what_is_no_failure_of_ftp_ends_all(self) -> None:
        for name in "abcd":
            self.add(name)
        work = self.work()
        self.let_in()
        self.let_in()
        self.finish(0, OSError(28, "No space left on device"))
        self.failureResultOf(work, OSError)

    def test_cancelled(self) -> None:
        for name in "abcd":
            self.add(name)
        work = self.work()
        self.let_in()
        self.let_in()
        sessions = [session for _, session, _ in self.running]
        work.cancel()
        self.failureResultOf(work, CancelledError)
        self.pool.drop()
        self.assertTrue(all(session.gone for session in sessions))
