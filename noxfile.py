"""``nox`` tests what ``make test`` does not: the oldest versions that pyproject.toml allows, and the newest.

The oldest are those that environments and pens need; the agents' newest come with a torch of some gigabytes.
"""

from pathlib import Path

import nox

nox.options.sessions = ["oldest"]
# Of what needs no torch.
CORE = ["actions", "boxes", "check", "color", "drawing", "graph", "renderer", "resets", "settle",
        "spline", "targets"]  # fmt: skip
TOOLS = ["pytest", "resvg-py", "svgpathtools", "trimesh"]


@nox.session
def oldest(session: nox.Session) -> None:
    """Environments, targets and pens with the oldest versions."""
    project = nox.project.load_toml(Path(__file__).with_name("pyproject.toml"))["project"]
    session.install(*(one.replace(">=", "==") for one in project["dependencies"]), *TOOLS)
    session.install("--no-deps", "-e", ".")
    # Gymnasium's NormalizeObservation gave the space of what it normalises before version 1.3.
    known = "tests/test_resets.py::test_wrappers_of_the_native_batch[<lambda>0]"
    files = [f"tests/test_{name}.py" for name in CORE]
    session.run("python", "-m", "pytest", "-W", "ignore", "--deselect", known, *files)


@nox.session
def newest(session: nox.Session) -> None:
    """Everything with the newest versions."""
    session.install("-e", ".[dev]")
    session.run("python", "-m", "pytest", "-n", "2", env={"OMP_NUM_THREADS": "1"})
