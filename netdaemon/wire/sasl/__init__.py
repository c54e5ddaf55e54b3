"""SASL (RFC 4422), both sides: PLAIN, LOGIN, SCRAM-SHA-256, SCRAM-SHA-256-PLUS and EXTERNAL.

Nothing here knows a transport. A protocol carries challenges and responses in its own syntax, mostly in base64
(`encoding`); an exchange (`server`, `client`) eats them, and ends with credentials for the portal (`credentials`).
"""
