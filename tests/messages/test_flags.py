from tests.messages.contract import flags
from tests.messages.providers import OnSQLite, OnThreads


class FlagTests(flags.FlagContract, OnSQLite):
    pass


class ThreadedFlagTests(flags.FlagContract, OnThreads):
    pass
