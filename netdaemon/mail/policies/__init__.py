"""What is known of a message's origin, and what follows from that: SPF, DKIM, DMARC, DNSBL, greylisting.

Each is an option of its own. What they look up in DNS goes through `resolving.Resolver`; what they found stands in an
Authentication-Results field, and `policy` makes of them what a session asks.
"""
