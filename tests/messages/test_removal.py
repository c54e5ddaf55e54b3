from tests.messages.contract import removal
from tests.messages.providers import OnSQLite, OnThreads


class RemovalTests(removal.RemovalContract, OnSQLite):
    pass


class ThreadedRemovalTests(removal.RemovalContract, OnThreads):
    pass


class HoldingTests(removal.HoldingContract, OnSQLite):
    pass


class ThreadedHoldingTests(removal.HoldingContract, OnThreads):
    pass
