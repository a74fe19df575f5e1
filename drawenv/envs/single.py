"""CanvasEnv: one canvas, one target, one stroke a step."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from drawenv.envs.batch import CanvasBatch
from drawenv.renderers import Renderer


def observation_space(batch: CanvasBatch) -> spaces.Dict:
    """The space of one environment's observations."""
    shape = batch.canvas.shape[1:]
    boxes: dict[str, gym.Space] = {
        "canvas": spaces.Box(0, 255, shape, np.uint8),
        "target": spaces.Box(0, 255, batch.target.shape[1:], np.uint8),
        "progress": spaces.Box(0.0, 1.0, (1,), np.float32),
    }
    if batch.hint is not None:
        boxes["hint"] = spaces.Box(0, 255, batch.hint.shape[1:], np.uint8)
    return spaces.Dict(boxes)


class CanvasEnv(gym.Env):
    """Draw a target picture with a given number of strokes.

    ## Action
    ``Box(-1, 1, (n,), float32)``, one stroke; ``env.unwrapped.action_spec`` names each entry
    with its physical range and unit. Anything else raises an error.

    ## Observation
    A dictionary: ``canvas`` and ``target``, uint8 ``[C, size, size]``, and ``progress``, the
    share of the strokes already used, float32 ``[1]``. A canvas may have channels that no target has,
    after the others. Where the targets are pairs (a picture to
    translate and what it should become) the first is ``hint``, uint8 ``[C', size, size]``. Gray
    targets on a canvas in colour are gray in all three channels.

    ## Reward
    By how much the stroke reduced the squared error to the target, as a share of the blank
    canvas' error: a perfect drawing's rewards sum to 1. (If the target is blank, as a share of
    one fully wrong pixel.)

    ## Start and end
    A blank canvas and a random target, or the one that ``reset(options={"target": picture})`` gives, uint8 as
    observed (and ``"hint"``, where there are hints). The episode terminates after ``max_strokes`` strokes.
    ``info`` holds ``mse`` and, at the end, ``drawing``, a ``drawenv.Drawing``.

    Args:
        renderer: draws the strokes, or its name in ``drawenv.RENDERERS``.
        size: side of the canvas in pixels.
        max_strokes: strokes of an episode.
        targets: a name, a folder, a uint8 array or an object; see ``drawenv.load_targets``.
        render_mode: ``"rgb_array"`` (target beside canvas), ``"human"`` (the same in a
            window) or None.
        options: keywords of a renderer that is given by its name.
    """

    metadata = {"render_modes": ["rgb_array", "human"], "render_fps": 4}

    def __init__(
        self, renderer: Renderer | str, size: int = 64, max_strokes: int = 4, targets="symbols",
        render_mode: str | None = None, **options,
    ):  # fmt: skip
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ValueError(f"render_mode must be rgb_array, human or None, got {render_mode!r}")
        self.render_mode = render_mode
        self._batch = CanvasBatch(1, renderer, options, size, max_strokes, targets)
        self.renderer = self._batch.renderer
        self.action_spec = self.renderer.action_spec
        self.action_space = self.action_spec.box
        self.observation_space = observation_space(self._batch)
        self._running = False
        self._window = None

    def reset(self, *, seed: int | None = None, options: dict | None = None):
        given = self._batch.given(options, 1)
        super().reset(seed=seed)
        self._batch.seed(0, self.np_random)
        self._batch.reset(np.array([0]), given)
        self._total = 0.0
        self._running = True
        if self.render_mode == "human":
            self.render()
        return self._batch.observation(0), {"mse": float(self._batch.mse[0])}

    def step(self, action):
        if not self._running:
            raise gym.error.ResetNeeded("the episode is over or has not begun: call reset() first")
        action = self.action_spec.check(action)
        reward = float(self._batch.draw(action[None])[0])
        self._total += reward
        info: dict = {"mse": float(self._batch.mse[0])}
        terminated = bool(self._batch.strokes[0] == self._batch.max_strokes)
        if terminated:
            info["drawing"] = self._batch.drawing(0)
            self._running = False
        if self.render_mode == "human":
            self.render()
        return self._batch.observation(0), reward, terminated, False, info

    def render(self):
        if self.render_mode is None:
            gym.logger.warn('render() shows nothing: make the environment with render_mode="rgb_array"')
            return None
        picture = self._batch.side_by_side(0)
        if self.render_mode == "rgb_array":
            return picture
        from drawenv.envs.window import Window  # pygame loads only when a window opens

        self._window = self._window or Window(picture.shape, self.metadata["render_fps"])
        strokes, most = self._batch.strokes[0], self._batch.max_strokes
        self._window.show(
            picture, f"target, canvas    stroke {strokes} of {most}    reward {self._total:.3f}"
        )
        return None

    def close(self):
        if self._window is not None:
            self._window.close()
            self._window = None
