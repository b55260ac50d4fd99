"""Windows computed on a GPU: whole ones, one being copied while another is computed."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field

import numpy as np
import torch
from rasterio.windows import Window
from torch import Tensor

from am4cm_cli.clock import Clock
from am4cm_cli.devices import give_back, is_out_of_memory, portable
from am4cm_cli.engine import Engine, Pending
from am4cm_cli.layers import JudgedLayer, SeenLayer
from am4cm_cli.parts import Part
from am4cm_cli.rasters.reading import Numbers
from am4cm_cli.rims import border_windows, cut
from am4cm_cli.scores.observations import WIDTH
from am4cm_cli.scoring import StackScorer


@dataclass(kw_only=True)
class DeviceEngine:
    """Computes windows of one mask on a device that has memory and streams of its own."""

    engine: Engine
    """Does the same on the CPU, for windows that even in small batches don't fit."""
    scorer: StackScorer
    """On the device."""
    tell: Callable[[str], object]
    batch: int = 2**22
    """Pixels computed at a time: whole windows; where the device's memory does not suffice, halves
    of 2**18, and of these."""
    _copies: "torch.cuda.Stream | None" = field(default=None, init=False)

    @property
    def clock(self) -> Clock:
        """Told where the time goes."""
        return self.engine.clock

    def start(self, window: Window, numbers: Numbers, pool: Executor) -> Pending:
        """Begin to compute a window; return what waits for the result.

        The numbers may be overwritten once this returns.
        """
        while self.batch >= WIDTH:
            try:
                return self._start(window, numbers)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
            # Outside of that block, since an error holds on to what its frames hold.
            self._halve()
        return self.engine.start(window, numbers, pool)

    def _halve(self) -> None:
        self.batch = min(self.batch, 2**18) // 2
        give_back(self.scorer.device)
        if self.batch < WIDTH:
            self.tell("The GPU's memory does not suffice: going on with the CPU.")

    def _start(self, window: Window, numbers: Numbers) -> Pending:
        dn, valid = self._send(numbers)
        planes, seen = self._score(dn, valid)
        judged = {
            number: layer.encode(self.engine.judge, planes)
            for number, layer in enumerate(self.engine.layers)
            if isinstance(layer, JudgedLayer)
        }
        layers = [_fetch({**seen, **judged}[number]) for number in range(len(self.engine.layers))]
        strips = {
            side: _fetch(cut(planes, window, thin))
            for side, thin in border_windows(window, self.engine.shape).items()
        }
        done = _mark(self.scorer.device)

        def finish() -> Part:
            if done is not None:
                done.synchronize()
            return Part(
                layers=tuple(layer.numpy() for layer in layers),
                strips={side: strip.numpy() for side, strip in strips.items()},
            )

        return finish

    def _send(self, numbers: Numbers) -> tuple[Tensor, Tensor]:
        """(T, B, Y, X) and (T, Y, X) on the device; copied while it still computes the last one."""
        dn, valid = torch.from_numpy(numbers.dn), torch.from_numpy(numbers.valid)
        device = self.scorer.device
        if device.type != "cuda":
            # A copy also where the device is the CPU: the numbers are about to be overwritten.
            return portable(dn, device).to(device, copy=True), valid.to(device, copy=True)
        self._copies = self._copies or torch.cuda.Stream(device)
        with torch.cuda.stream(self._copies):
            sent = dn.to(device, non_blocking=True), valid.to(device, non_blocking=True)
        self._copies.synchronize()
        for tensor in sent:
            tensor.record_stream(torch.cuda.current_stream(device))
        return sent

    def _score(self, dn: Tensor, valid: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
        """(C, T, Y, X) planes, and layers that follow from the observations alone."""
        flat, known = dn.flatten(2), valid.flatten(1)
        planes, seen = [], []
        view = self.engine.judge.view(self.scorer.score, self.engine.count)
        for start in range(0, known.shape[-1], self.batch):
            part = slice(start, start + self.batch)
            observed = self.scorer.observe(flat[..., part], known[:, part])
            planes.append(view(observed))
            seen.append(
                {
                    number: layer.encode(observed)
                    for number, layer in enumerate(self.engine.layers)
                    if isinstance(layer, SeenLayer)
                }
            )
        size = valid.shape[1:]
        whole = {
            number: torch.cat([some[number] for some in seen], -1).unflatten(-1, size)
            for number in seen[0]
        }
        return torch.cat(planes, dim=-1).unflatten(-1, size), whole


def _fetch(tensor: Tensor) -> Tensor:
    """Start to copy a tensor to the CPU; it is there once the device has come so far."""
    if tensor.device.type != "cuda":
        return tensor.cpu().contiguous()
    there = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    there.copy_(tensor, non_blocking=True)
    return there


def _mark(device: torch.device) -> "torch.cuda.Event | None":
    """Mark how far a device has come; None for one that is waited for anyway."""
    if device.type != "cuda":
        return None
    event = torch.cuda.Event()
    event.record(torch.cuda.current_stream(device))
    return event


def pinned(pixels: int, kind: np.dtype[np.generic]) -> np.ndarray[tuple[int], np.dtype[np.generic]]:
    """Memory that a GPU can copy from by itself."""
    made = torch.from_numpy(np.empty(0, kind)).new_empty(pixels, pin_memory=True)
    return made.numpy()
