from twisted.application.service import ServiceMaker

netdaemon = ServiceMaker(  # type: ignore[no-untyped-call]  # Twisted's has no types
    "netdaemon", "netdaemon.tap", "Every classic Internet protocol from one process, out of one INI file.", "netdaemon"
)
