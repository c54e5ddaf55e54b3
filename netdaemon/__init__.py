"""netdaemon: every classic Internet protocol from one process, out of one INI file."""

version = "0.1.0"
