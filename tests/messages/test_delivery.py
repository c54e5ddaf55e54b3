from tests.messages.contract import delivery
from tests.messages.providers import OnSQLite, OnThreads


class DeliveryTests(delivery.DeliveryContract, OnSQLite):
    pass


class ThreadedDeliveryTests(delivery.DeliveryContract, OnThreads):
    pass
