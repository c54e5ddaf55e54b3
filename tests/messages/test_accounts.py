from tests.messages.contract import accounts
from tests.messages.providers import OnSQLite, OnThreads


class AccountTests(accounts.AccountContract, OnSQLite):
    pass


class ThreadedAccountTests(accounts.AccountContract, OnThreads):
    pass
