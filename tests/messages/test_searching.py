from tests.messages.contract import searching
from tests.messages.providers import OnSQLite, OnThreads


class SearchTests(searching.SearchContract, OnSQLite):
    pass


class ThreadedSearchTests(searching.SearchContract, OnThreads):
    pass
