from tests.messages.contract import reading
from tests.messages.providers import OnSQLite, OnThreads


class ReadingTests(reading.ReadingContract, OnSQLite):
    pass


class ThreadedReadingTests(reading.ReadingContract, OnThreads):
    pass
