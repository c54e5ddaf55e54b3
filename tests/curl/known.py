"""The cases that apply and don't pass, by reason; `page` and `run` hold them against what is."""

from __future__ import annotations

FAILING: dict[str, str] = {
    "RFC 6265 where curl has ways of its own: cookies of one path by age (5.4), a default path without a slash at "
    "its end (5.1.4), a path in quotation marks is none, 400 days to the second, cookies by the host that is "
    "asked whatever Host says, no secure ones for http://localhost, other limits": """
        8 31 46 61 62 73 329 392 420 427 442 443 444 483 1105 1160 1216 1258 1415
    """,
    "heads that mix CRLF and LF alone: the client reads them without telling what ended the last line, and asks "
    "nothing more on that connection": """
        48 63 184 275 338 1051 1134 1218 1332 1421 1475
    """,
    "framing that two readers would read in two ways is refused (RFC 9112 6.3 and 7.1): lengths that are none, "
    "chunks whose lines end with LF, a length beside chunks, other transfer codings; of such a head nothing is "
    "written": """
        178 365 393 395 415 457 497 498 747 1154 1417 1430 1431 1432 1433 1434 1460 1473 1479 1480 1482 1483 1493
        1494 1495 1496
    """,
    "HTTP versions: 1.2 is read as 1.1 (RFC 9110 2.5), and a server of 1.0 is asked by 1.1 again": """
        129 1074 1077
    """,
    "percent-encodings: capital letters (RFC 3986 2.1), no plus signs for blanks in a redirection, braces, "
    "brackets and backslashes are encoded": """
        40 214 663 1138 1290 1296
    """,
    "fields: an empty one has a blank behind its colon, Host can't be left out, no Expect for a body of unknown "
    "length or because the caller says so, host names in small letters, Host without ftp's port": """
        4 60 98 461 1059 1068 1070 1073 1098 1130 1131 1292 1318 1498
    """,
    "what the client leaves, mostly on purpose: passwords with control characters, logins in redirections, logins "
    "that follow to other hosts, a netrc's login unasked or without a name, POST kept at a 301, redirections to "
    "ftp, an ftp URL's password in a proxy's request line, NUL in FTP names, request targets of one's own, "
    "http:///, the name ip6-localhost; it tries again where a redirection led, not from its beginning": """
        208 234 241 257 299 318 340 478 479 679 684 899 973 975 976 998 1012 1028 1054 1055 1076 1088 1141 1168 1298
        1299 1613 1633 1909 2005
    """,
    "curl asks with an empty body first for --digest and --anyauth, once without a login for --proxy-anyauth, and "
    "every new nonce anew; ours asks with the whole body or waits for 100 Continue, says Basic to proxies at "
    "once, and goes on with the nonce it has": """
        88 153 167 168 175 177 206 245 246 258 335 388 1001 1002 1060 1061 1071 1072 1284 1285 1331 1412 1437 2058
        2059 2060 2063 2066 2067 2068 2069
    """,
    "multipart forms: multiparts in each other, several files in a field, heads, dispositions and codings of "
    "one's own for parts, backslashes; names are escaped as browsers do": """
        259 277 669 1133 1158 1186 1189 1293 1315
    """,
    "FTP: NOOP behind ABOR, SIZE of an upload's rest before EPSV, QUIT where curl drops the connection, SYST for "
    "a home that is no path, an address of one's own in PORT, replies longer than 8 KiB, exit statuses for "
    "replies that are none": """
        115 116 117 135 144 145 161 229 235 236 237 238 336 337 348 362 1003 1038 1039 1057 1102 1103 1120 1206 1207
        1219 1449
    """,
    "not in the shim: -w of connections, addresses, parts of URLs and JSON, .curlrc, variables, some names of -J, "
    "bodies between retries, errors of --etag-save, trailers, --retry and other names for FTP, options that "
    "exclude each other, words of -v": """
        193 196 197 266 280 341 369 419 421 423 424 428 429 433 435 436 448 458 469 470 681 693 699 978 990 991 1066
        1067 1089 1090 1116 1147 1148 1188 1223 1239 1270 1278 1287 1288 1329 1457 1489 1634 1635 1671 1683 2081
        3019 3031
    """,
}
"""Reason: the cases' numbers."""


def failing() -> dict[int, str]:
    """Number to reason."""
    return {int(number): reason for reason, numbers in FAILING.items() for number in numbers.split()}
