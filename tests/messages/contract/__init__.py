"""What every message store must do, as tests: a class here and a provider of stores make a test case.

A provider has `open_store(**keys)`, which opens the one store of the test, and `reopen()`, after which it is as after a
restart; see tests/messages/providers.py.
"""
