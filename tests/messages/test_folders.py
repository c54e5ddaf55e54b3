from tests.messages.contract import folders
from tests.messages.providers import OnSQLite, OnThreads


class FolderTests(folders.FolderContract, OnSQLite):
    pass


class ThreadedFolderTests(folders.FolderContract, OnThreads):
    pass
