"""CUDA graphs: a step of training is thousands of small kernels, which take longer to launch than to run."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor


class Replayed:
    """A function of tensors that is recorded as a CUDA graph, once for each choice of its other arguments and
    of the tensors' shapes, and then replayed. Without ``record`` it is just called.

    Args:
        function: takes a list of tensors and whatever else it is called with, and returns new tensors: an
            input that it returned would be overwritten by the next one. On no account may it read a tensor's
            value on the host.
        record: whether to; the tensors are on a CUDA device then. What is returned is overwritten by the next
            call.
    """

    def __init__(self, function: Callable[..., tuple], record: bool):
        self.function, self.record = function, record
        self.graphs: dict[tuple, Any] = {}
        if record:
            self.stream, self.pool = torch.cuda.Stream(), torch.cuda.graph_pool_handle()

    def __call__(self, inputs: list[Tensor], *others) -> tuple:
        if not self.record:
            return self.function(inputs, *others)
        key = (others, *(x.shape for x in inputs))
        if key not in self.graphs:  # whatever is set up at first use must not be recorded
            self.graphs[key] = None
            self.stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self.stream):
                outputs = self.function([x.clone() for x in inputs], *others)  # laid out as they will be
            torch.cuda.current_stream().wait_stream(self.stream)
            return outputs
        if self.graphs[key] is None:
            graph, kept = torch.cuda.CUDAGraph(), [x.clone() for x in inputs]
            with torch.cuda.graph(graph, pool=self.pool, stream=self.stream):
                outputs = self.function(kept, *others)
            self.graphs[key] = graph, kept, outputs
        graph, kept, outputs = self.graphs[key]
        torch._foreach_copy_(kept, inputs)
        graph.replay()
        return outputs


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its small kernels fused, once for each shape of its inputs, which takes a minute; the
    same but for rounding. As it is where there is no Triton, which compiles it.
    """
    if find_spec("triton") is None or torch.cuda.get_device_capability() < (7, 0):
        return function
    # What is random is as it would be without, and can be recorded.
    return torch.compile(function, dynamic=False, options={"fallback_random": True})
