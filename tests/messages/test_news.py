from tests.messages.contract import news
from tests.messages.providers import OnSQLite, OnThreads


class NewsTests(news.NewsContract, OnSQLite):
    pass


class ThreadedNewsTests(news.NewsContract, OnThreads):
    pass
