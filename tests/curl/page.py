"""docs/curl-cases.md, of what stands in `cases` and `known`."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable

from tests.curl.cases import Case, why_not
from tests.curl.known import FAILING, failing

PAGE = "docs/curl-cases.md"

_ABOUT = """\
The cases are those of curl {version}, {count} in all. They are run by `make curl-tests CURL=...`, where `CURL` is the
`src/curl` of a tree in which curl and its test servers are built: curl's own `runtests.pl` starts its servers, and the
shim (`tests/curl/`) in the place of curl. The shim reads curl's options and does what they say with our clients' public
calls; the order of header fields and of FTP commands, the octets sent and received, the files written and the exit
statuses are compared by the suite, to the octet. This page is generated (`python -m tests.curl.run CURL --write`) from
`tests/curl/cases.py` and `known.py`; the run fails when a case that is listed as passing does not pass, and when one
that is not does."""

_PROTOCOLS = ("http", "http by proxy", "ftp", "gopher")


def page(cases: list[Case], version: str) -> str:
    """The page for the cases of curl ``version``."""
    reasons = {case.number: why_not(case) for case in cases}
    apply = [case for case in cases if reasons[case.number] is None]
    known = failing()
    passing = [case for case in apply if case.number not in known]
    lines = [
        "# curl's test cases against our clients",
        "",
        *textwrap.wrap(_ABOUT.format(version=version, count=len(cases)), 118),
        "",
        "| protocol | apply | pass |",
        "|---|---|---|",
    ]
    for protocol in (*_PROTOCOLS, None):
        those = [case for case in apply if protocol in (None, case.protocol)]
        good = [case for case in passing if protocol in (None, case.protocol)]
        lines.append(f"| {protocol or 'all'} | {len(those)} | {len(good)} |")
    lines += ["", "## Those that pass", ""]
    for protocol in _PROTOCOLS:
        lines += _numbers(protocol, [case.number for case in passing if case.protocol == protocol])
    lines += ["## Those that apply and don't pass", ""]
    for reason, numbers in FAILING.items():
        lines += _numbers(reason, map(int, numbers.split()))
    lines += ["## Those that don't apply", "", "| reason | cases |", "|---|---|"]
    counted = Counter(reason for reason in reasons.values() if reason is not None)
    lines += [f"| {reason} | {count} |" for reason, count in counted.most_common()]
    lines += ["", "By number:", ""]
    for reason, _ in counted.most_common():
        lines += _numbers(reason, [number for number, why in reasons.items() if why == reason])
    return "\n".join(lines).rstrip() + "\n"


def _numbers(title: str, numbers: Iterable[int]) -> list[str]:
    listed = sorted(numbers)
    text = f"**{title}** ({len(listed)}): " + (", ".join(_runs(listed)) or "none") + "."
    return [*textwrap.wrap(text, 118), ""]


def _runs(numbers: list[int]) -> list[str]:
    """Numbers, those that follow each other as a range."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return [str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs]
