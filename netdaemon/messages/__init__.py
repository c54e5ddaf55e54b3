"""The message store: folders of mail and of news, each message kept once."""
