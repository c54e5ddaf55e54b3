"""HTTP/2 (RFC 9113), with the header compression of RFC 7541 and the priorities of RFC 9218.

The library h2 keeps the streams' states and both directions' windows. Everything that it does not, or that it does
in another way than the RFC has it, stands in front of it:

    bytes -> frames.Framer -> session.Session -> h2 -> exchange.Exchange -> the site
    the site -> exchange.Exchange -> turns.Turns -> h2 -> bytes

h2 never sees header fields: `compression` keeps them, `heads` makes a request of them.

The client's side (`client.http2`) shares what is either side's: `compression`, `fields`, `frames`, `limits`, `states`,
`outflow` with `turns` and `supply`.
"""
