"""curl's own test cases, run against our clients.

`shim` takes the command lines of curl's test suite and does what they say with `netdaemon.protocols.*.client`;
`run` has curl's runtests.pl use it in curl's place, for the cases that `cases` says apply. Nothing of curl is here:
its suite, built, is where `make curl-tests CURL=...` is told it is.
"""
