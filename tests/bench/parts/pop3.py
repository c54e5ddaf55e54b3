"""POP3 in clear."""

from __future__ import annotations

from tests.bench.figures import CPU, RATE, Goal
from tests.bench.loads import generator
from tests.bench.part import Part, Variant, work_columns
from tests.bench.peers import pop3

SESSION = generator("sessions", module="tests.bench.pop3", size=pop3.SMALL_SIZE, password=pop3.PASSWORD)

sessions = Part(
    name="pop3.sessions",
    title="POP3, sessions with a message of 10 KiB",
    about="20 connections, each of an account of its own: connect, USER, PASS, STAT, RETR, QUIT. Every run has a "
    "server of its own, at which each account was once. netdaemon's accounts have argon2id hashes, and their passwords "
    "were right a moment ago, as those of clients are that come again and again; it locks each maildrop. Dovecot "
    "compares clear text, reads a Maildir and locks nothing, which are its defaults; with processes that it keeps, it "
    "is as its documentation has it for high loads. Where others want the cores, too, its many processes get more of "
    "them than one does: then read the CPU.",
    columns=work_columns("sessions"),
    variants=(
        Variant("netdaemon", pop3.netdaemon_pop3(), SESSION),
        Variant("Dovecot", pop3.dovecot(), SESSION),
        Variant("Dovecot, processes kept", pop3.dovecot(shared=True), SESSION),
    ),
    against="Dovecot",
    goals=(
        Goal("netdaemon", RATE, "Dovecot", least=2.0),
        Goal("netdaemon", RATE, "Dovecot, processes kept", least=2.0),
        Goal("netdaemon", CPU, "Dovecot, processes kept", most=0.5),
    ),
    fresh=True,
)

DOWNLOAD = generator("download", module="tests.bench.pop3", size=pop3.LARGE_SIZE, password=pop3.PASSWORD)

retr = Part(
    name="pop3.retr",
    title="POP3, RETR of 100 MiB",
    about="One session. MB are millions of octets.",
    columns=work_columns("MB"),
    variants=(
        Variant("netdaemon", pop3.netdaemon_pop3(large=True), DOWNLOAD),
        Variant("Dovecot", pop3.dovecot(large=True), DOWNLOAD),
    ),
    against="Dovecot",
    goals=(Goal("netdaemon", CPU, "Dovecot", most=2.0),),
)

PARTS = (sessions, retr)
