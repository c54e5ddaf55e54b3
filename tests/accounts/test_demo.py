from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.accounts import demo
from netdaemon.accounts.demo import Demo
from tests.accounts.kit import CountingHasher


class DemoTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.hasher = CountingHasher()
        self.demo = Demo(self.hasher)
        self.logged: list[str] = []
        globalLogPublisher.addObserver(self.observe)
        self.addCleanup(globalLogPublisher.removeObserver, self.observe)

    def observe(self, event: dict[str, object]) -> None:
        if event.get("log_namespace") == demo.log.namespace:
            self.logged.append(str(event["log_format"]))

    def test_on_loopback(self) -> None:
        record = self.demo.find("mulder", True)
        assert record is not None
        self.assertTrue(record.account.enabled)
        self.assertTrue(self.hasher.verify(record.hash, b"trustno1"))
        self.assertIsNotNone(record.scram)
        self.assertEqual(self.logged, [])

    def test_elsewhere(self) -> None:
        record = self.demo.find("mulder", False)
        assert record is not None
        self.assertFalse(record.account.enabled)
        self.assertFalse(self.hasher.verify(record.hash, b"trustno1"))
        self.assertIsNone(record.scram)
        self.assertEqual(len(self.logged), 1)
        self.assertIn("loopback", self.logged[0])

    def test_nobody_else(self) -> None:
        for loopback in (True, False):
            self.assertIsNone(self.demo.find("scully", loopback))
        self.assertEqual(self.logged, [])
