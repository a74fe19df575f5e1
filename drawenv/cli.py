"""The command ``drawenv``."""

from __future__ import annotations

import difflib
import sys
from importlib import import_module
from importlib.util import find_spec

COMMANDS = {
    "draw": "pictures in, strokes out",
    "recipes": "list what can be drawn, and with which recipe",
    "play": "draw with the mouse, for the agents' reward",
    "demo": "draw in a browser, and watch the strokes appear",
    "evaluate": "measure a drawer on test pictures",
    "train": "train a recipe's drawer, on pictures of your own too",
    "train_canvas": "train its canvas network alone",
}


def main() -> None:
    """Run the command that was named, with the arguments that follow it."""
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in ("-h", "--help"):
        print("drawenv COMMAND [--help | ARGUMENTS]\n")
        print("\n".join(f"  {command:13} {what}" for command, what in COMMANDS.items()))
        return
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, 1, cutoff=0.3)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(COMMANDS)}"
        sys.exit(_error(f"drawenv has no command {name!r}: {hint}"))
    # An installed drawenv carries the agents within; beside its sources they are a package of their own.
    agents = "drawenv.agents" if find_spec("drawenv.agents") else "agents"
    try:
        common, command = (import_module(f"{agents}.commands.{module}") for module in ("common", name))
    except ModuleNotFoundError as error:
        sys.exit(_error(f"drawenv {name} needs {error.name}: pip install 'drawenv[agents]'"))
    parse = common.with_recipe if name.startswith("train") else None
    sys.argv[:2] = [f"drawenv {name}"]
    common.run(command.main, command.Arguments, parse)


def _error(text: str) -> int:
    print("error:", text, file=sys.stderr)
    return 2
