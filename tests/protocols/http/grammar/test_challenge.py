"""Challenges: several in one field, several fields, broken ones among good ones."""

from __future__ import annotations

from urllib.request import parse_http_list, parse_keqv_list

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.http.grammar.challenge import (
    MAX_CHALLENGES,
    MAX_PARAMETERS,
    MAX_VALUE,
    Challenge,
    credentials,
    parse_challenges,
    parse_parameters,
    quoted,
)

BASIC = Challenge("basic", None, {"realm": "x"})
tokens = st.text("!#$%&'*+-.^_`|~09azAZ", min_size=1, max_size=8)
values = st.binary(max_size=12).filter(lambda value: not set(value) & {*range(9), *range(10, 32), 127})
PARAMETERS = st.dictionaries(tokens.map(str.lower), values, min_size=1, max_size=8)


class ChallengeTests(SynchronousTestCase):
    def check(self, value: bytes, *expected: Challenge) -> None:
        self.assertEqual(parse_challenges([value]), list(expected), value)

    def test_one(self) -> None:
        self.check(b'Basic realm="x"', BASIC)
        self.check(b"BASIC Realm=x", BASIC)
        self.check(b"Basic realm = \t x", BASIC)
        self.check(b"Negotiate", Challenge("negotiate", None, {}))
        self.check(b"Negotiate oRQwEg+/~._-==", Challenge("negotiate", "oRQwEg+/~._-==", {}))
        self.check(b"")
        self.check(b" , ,,")

    def test_the_example_of_the_rfc(self) -> None:
        """RFC 9110 11.6.1."""
        self.check(
            b'Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""',
            Challenge("basic", None, {"realm": "simple"}),
            Challenge("newauth", None, {"realm": "apps", "type": "1", "title": 'Login to "apps"'}),
        )

    def test_commas_everywhere(self) -> None:
        self.check(
            b',, Digest ,nonce="a,b" ,, realm="c, Basic d" , qop="auth,auth-int",Basic realm=x,Bearer,Negotiate ab==',
            Challenge("digest", None, {"nonce": "a,b", "realm": "c, Basic d", "qop": "auth,auth-int"}),
            BASIC,
            Challenge("bearer", None, {}),
            Challenge("negotiate", "ab==", {}),
        )

    def test_several_fields(self) -> None:
        self.assertEqual(parse_challenges([b"Basic realm=x", b"", b'Basic realm="x"']), [BASIC, BASIC])
        # a parameter belongs to a challenge of its own field, never to one of the field before
        self.assertEqual(parse_challenges([b"Basic realm=x", b"charset=UTF-8"]), [BASIC])

    def test_quoting(self) -> None:
        self.check(rb'A b="\"\\\c", d=""', Challenge("a", None, {"b": '"\\c', "d": ""}))
        self.check(b'A b="\xc3\xa9"', Challenge("a", None, {"b": "\u00c3\u00a9"}))

    def test_bad_ones_are_left_out_and_nothing_else(self) -> None:
        for bad in (
            b'Digest realm="y", nonce=',  # a parameter without a value
            b"Digest realm=y, =z",
            b'Digest realm="y" z',
            b"Digest realm=a b",
            b"Digest realm=y, realm=z",  # twice
            b"Digest realm=y, Realm=y",
            b"Negotiate ab==, realm=y",  # a token and parameters
            b"Digest @",
            b"Digest \x00",
            b"Digest realm=y, (z)=a, nonce=b",
        ):
            self.check(b"Basic realm=x, " + bad + b", Basic realm=x", BASIC, BASIC)
            self.check(bad)
            self.assertEqual(parse_challenges([bad, b"Basic realm=x"]), [BASIC])

    def test_a_quote_that_is_never_closed_takes_the_rest(self) -> None:
        self.check(b'Basic realm=x, Digest realm="y, Basic realm=x', BASIC)
        self.check(b'Basic realm=x, Digest realm=y, nonce="z, Basic realm=x', BASIC)
        self.check(b'Basic realm=x, Digest realm="y\\"', BASIC)

    def test_what_may_be_a_parameter_takes_its_challenge_along(self) -> None:
        for bad in (b'"Digest"', b"Di(gest realm=y", b"=y", b"a=", b"a=b=c"):
            self.check(b"Basic realm=x, " + bad + b", Basic realm=x", BASIC)

    def test_parameters_of_nobody(self) -> None:
        self.check(b"realm=x, nonce=y, Basic realm=x", BASIC)

    def test_byte_by_byte(self) -> None:
        """Every beginning of a field is read as what it is; the good ones in front stay."""
        value = b'Basic realm=x, Digest realm="a,\\"b", nonce=c, Basic realm=x'
        for length in range(len(value)):
            read = parse_challenges([value[:length]])
            self.assertEqual(read[:1], [BASIC] if length >= 13 else read[:1])
        self.assertEqual(len(parse_challenges([value])), 3)

    @settings(deadline=None, max_examples=200)
    @given(st.lists(st.tuples(tokens, PARAMETERS), max_size=4))
    def test_there_and_back(self, made: list[tuple[str, dict[str, bytes]]]) -> None:
        written = [
            credentials(scheme.encode(), [(name.encode(), quoted(value)) for name, value in parameters.items()])
            for scheme, parameters in made
        ]
        expected = [
            Challenge(scheme.lower(), None, {name: value.decode("latin-1") for name, value in parameters.items()})
            for scheme, parameters in made
        ]
        self.assertEqual(parse_challenges(written), expected)
        self.assertEqual(parse_challenges([b", ".join(written)]), expected)

    @settings(deadline=None, max_examples=200)
    @given(st.dictionaries(tokens.map(str.lower), st.text("ab ,=\"\\'", max_size=9), min_size=1, max_size=8))
    def test_others_read_what_we_write(self, parameters: dict[str, str]) -> None:
        written = credentials(b"Digest", [(name.encode(), quoted(text.encode())) for name, text in parameters.items()])
        read = parse_keqv_list(parse_http_list(written.decode("latin-1").removeprefix("Digest ")))
        self.assertEqual(read, parameters)

    @settings(deadline=None, max_examples=300)
    @given(st.lists(st.sampled_from([b'"', b"\\", b",", b"=", b" ", b"a", b"Basic realm=x", b"\t", b"(", b"=="])))
    def test_anything(self, pieces: list[bytes]) -> None:
        for challenge in parse_challenges([b"".join(pieces)]):
            self.assertFalse(challenge.token68 and challenge.parameters)
            self.assertEqual(challenge.scheme, challenge.scheme.lower())


class ParametersTests(SynchronousTestCase):
    def test_authentication_info(self) -> None:
        self.assertEqual(
            parse_parameters(b'nextnonce="a", rspauth="b", nc=1'), {"nextnonce": "a", "rspauth": "b", "nc": "1"}
        )
        for bad in (b"", b"nextnonce", b"nextnonce=a, b", b"a=b, c d=e", b'a="', b"a=b, a=c"):
            self.assertEqual(parse_parameters(bad), {}, bad)


class LimitTests(SynchronousTestCase):
    def test_challenges(self) -> None:
        self.assertEqual(len(parse_challenges([b"A, " * MAX_CHALLENGES])), MAX_CHALLENGES)
        self.assertEqual(len(parse_challenges([b"A, " * 9] * 9)), MAX_CHALLENGES)

    def test_parameters(self) -> None:
        fits = b"A " + b", ".join(b"p%d=1" % number for number in range(MAX_PARAMETERS))
        self.assertEqual(len(parse_challenges([fits])[0].parameters), MAX_PARAMETERS)
        self.assertEqual(parse_challenges([fits + b", q=1, Basic realm=x"]), [BASIC])

    def test_length(self) -> None:
        value = b"Basic realm=x" + b" " * (MAX_VALUE - 13)
        self.assertEqual(parse_challenges([value, value + b" "]), [BASIC])
        self.assertEqual(parse_parameters(b"a=" + b"b" * MAX_VALUE), {})
