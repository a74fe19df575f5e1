"""The environments: one table, and how to add to it."""

from __future__ import annotations

from inspect import cleandoc
from typing import Any, NamedTuple

import gymnasium as gym

from drawenv.renderers import RENDERERS, Renderer


class Environment(NamedTuple):
    """A registered environment: its renderer, what is drawn by default, and keywords of the renderer."""

    renderer: type[Renderer]
    targets: str
    options: dict[str, Any]

    @property
    def doc(self) -> str:
        """What canvas and action are, as Markdown; the rest is as for every ``CanvasEnv``."""
        spec = self.renderer(**self.options).action_spec
        rows = [
            f"| {i} | {p.name} | {p.low:g} | {p.high:g} | {p.unit} |" for i, p in enumerate(spec.parameters)
        ]
        return "\n".join([
            cleandoc(self.renderer.__doc__ or "").partition("\nArgs:")[0].strip(),
            f"\n## Action\n``Box(-1, 1, ({len(spec)},), float32)``; a px is 1/64 of the canvas' side:\n",
            "| index | name | -1 | +1 | unit |\n|---|---|---|---|---|", *rows,
        ])  # fmt: skip


ENVIRONMENTS: dict[str, Environment] = {}


def register(env_id: str, renderer: type[Renderer], targets: str = "symbols", **options) -> None:
    """Register an environment, single and as a native batch, for ``gym.make`` and ``gym.make_vec``.

    Args:
        env_id: for instance ``"EllipseCanvas-v0"``.
        renderer: its class, whose docstring describes the canvas; saved drawings know it by its ``name``.
        targets: what is drawn unless ``gym.make`` gets others.
        options: keywords of the renderer, defaults of ``gym.make``'s.

    Raises:
        ValueError: another renderer has that name.
    """
    if RENDERERS.setdefault(renderer.name, renderer) is not renderer:
        raise ValueError(f"there is a renderer {renderer.name!r} already: give yours another name")
    ENVIRONMENTS[env_id] = Environment(renderer, targets, options)
    if env_id not in gym.registry:
        gym.register(
            env_id, "drawenv.envs.single:CanvasEnv",
            vector_entry_point="drawenv.envs.vector:CanvasVectorEnv",
            kwargs={"renderer": renderer.name, "targets": targets, **options},
        )  # fmt: skip
