"""RFC 1436."""

from __future__ import annotations

from tests.bench.figures import CPU, RATE, Goal
from tests.bench.loads import generator
from tests.bench.part import Load, Part, Variant, work_columns
from tests.bench.peers import gopher


def _variants(load: Load) -> tuple[Variant, ...]:
    return (
        Variant("netdaemon", gopher.netdaemon(), load),
        Variant("netdaemon, log", gopher.netdaemon(access_log=True), load),
        Variant("gophernicus", gopher.gophernicus(), load),
    )


GOALS = (Goal("netdaemon", RATE, "gophernicus", least=3.0), Goal("netdaemon, log", CPU, "netdaemon", most=1.25))

text = Part(
    name="gopher.text",
    title="Gopher, a text of 1 KiB",
    about="Connect, a line, the text and its dot, the end; 16 at a time. gophernicus is a process for each connection, "
    "which xinetd starts, and starts a dozen others to learn the system's name; it neither stuffs nor ends texts.",
    columns=work_columns("texts"),
    variants=_variants(generator("selectors", selector=gopher.TEXT, holds=gopher.HOLDS)),
    against="gophernicus",
    goals=GOALS,
)

menu = Part(
    name="gopher.menu",
    title="Gopher, the menu of a folder with twenty texts",
    about="The same for a menu, with sizes and dates; nobody keeps any.",
    columns=work_columns("menus"),
    variants=_variants(generator("selectors", selector=gopher.MENU, holds=gopher.LAST)),
    against="gophernicus",
    goals=GOALS,
)

PARTS = (text, menu)
