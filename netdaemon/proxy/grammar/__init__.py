"""What a proxy reads and writes beyond what a server does: whole URLs, fields on their way through, addresses."""
