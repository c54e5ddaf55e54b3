"""The client's side of HTTP/2 (RFC 9113): many exchanges at a time over one connection.

    bytes -> frames.Framer -> intake.Intake -> h2 -> exchange.Exchange -> Body -> the reader
    the caller -> line.Line2 -> exchange.Exchange -> outflow.Outflow -> h2 -> bytes

What is named here and isn't in this folder is the server's side's, too: it stands in `protocols.http.http2`.
"""
