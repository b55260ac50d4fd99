"""What can be written of a stack's windows: one raster each, one band per scene or head."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from am4cm_cli import reflectances
from am4cm_cli.attention import Attention
from am4cm_cli.classes import UNKNOWN
from am4cm_cli.days import day_of_year
from am4cm_cli.judgement import Judge
from am4cm_cli.models.ltae import attend
from am4cm_cli.orders import PLANES
from am4cm_cli.scores import ClearSkyScore, CounterfactualConfig
from am4cm_cli.scores.kernels import day_kernel
from am4cm_cli.scores.observations import Observations
from am4cm_cli.stacks.stack import Stack

CLEAR_SKY = "clear sky"
CONTENTS = ("probability", "classes", "reliability", "attention", CLEAR_SKY)
NODATA = {"uint8": 255.0, "float32": float("nan"), reflectances.DTYPE: float(reflectances.NODATA)}


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One raster to write, or a folder of one for each scene."""

    path: Path
    content: str
    """One of CONTENTS."""
    names: Sequence[str]
    """Of its bands."""
    dtype: str
    overview: str = "average"
    """See `create_cog`."""

    @property
    def pixel_bytes(self) -> int:
        """Of all its bands."""
        return len(self.names) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True, kw_only=True)
class JudgedLayer(Layer):
    """What follows from a judge's view of a pixel and those around it."""

    encode: Callable[[Judge, Tensor], Tensor]
    """(C, T, Y, X) planes to (bands, Y, X) of this dtype, NODATA where there is no answer."""
    planes: int
    """How many it needs of a judge that has so many."""


@dataclass(frozen=True, kw_only=True)
class SeenLayer(Layer):
    """What follows from the observations of each pixel alone."""

    encode: Callable[[Observations], Tensor]
    """Of all dates to (bands, P) of this dtype, NODATA where there is no answer."""


def probability_layer(path: Path, stack: Stack, *, target: str, dtype: str) -> JudgedLayer:
    """Lay out the probability of a target: percent in uint8, 0 to 1 in float32."""

    def encode(judge: Judge, planes: Tensor) -> Tensor:
        if dtype == "uint8":
            return judge.percent(planes, target)
        return judge.probability(planes, target)

    return JudgedLayer(
        path=path,
        content="probability",
        names=_scenes(stack),
        dtype=dtype,
        encode=encode,
        planes=PLANES[target],
    )


def class_layer(path: Path, stack: Stack) -> JudgedLayer:
    """Lay out the classes of `classes`, in uint8."""

    def encode(judge: Judge, planes: Tensor) -> Tensor:
        return judge(planes).classes()

    return JudgedLayer(
        path=path,
        content="classes",
        names=_scenes(stack),
        dtype="uint8",
        encode=encode,
        planes=PLANES["classes"],
        overview="mode",
    )


def reliability_layer(path: Path, stack: Stack) -> JudgedLayer:
    """Lay out how many clear observations each answer rests on, in uint8, at most 254.

    Counted are the pixel's observations on other days within the kernel's reach for which cloud or
    shadow is less than an even chance.
    """
    kernel = day_kernel(stack.days, width=CounterfactualConfig().width)
    near = torch.from_numpy(kernel > 0).float()

    def encode(judge: Judge, planes: Tensor) -> Tensor:
        return count_clear(judge.probability(planes, "unusable"), near.to(planes.device))

    return JudgedLayer(
        path=path,
        content="reliability",
        names=_scenes(stack),
        dtype="uint8",
        encode=encode,
        planes=PLANES["reliability"],
    )


def attention_layer(
    path: Path, stack: Stack, attention: Attention, *, each_head: bool
) -> SeenLayer:
    """Lay out the model's own attention in float32, which sums to 1 over a pixel's dates.

    Args:
        path: of the raster.
        stack: whose dates it is for.
        attention: on the stack's bands.
        each_head: a band for each scene and head, scene by scene; else the mean over heads.
    """
    day = torch.from_numpy(day_of_year(stack.days)).float()
    heads = len(attention.bias)
    scenes = _scenes(stack)
    names = [f"{scene} head {head + 1}" for scene in scenes for head in range(heads)]

    def encode(seen: Observations) -> Tensor:
        own = attention.to(seen.scale.device, torch.float32)
        shares = share_attention(seen, own, day.to(seen.scale.device))  # (H, T, P)
        return shares.transpose(0, 1).flatten(0, 1) if each_head else shares.mean(0)

    return SeenLayer(
        path=path,
        content="attention",
        names=names if each_head else scenes,
        dtype="float32",
        encode=encode,
    )


def clear_sky_layer(
    folder: Path, stack: Stack, bands: Sequence[str], scores: Mapping[str, ClearSkyScore]
) -> SeenLayer:
    """Lay out the clear sky that observations are compared with, as `reflectances` are stored.

    Args:
        folder: of a raster for each scene.
        stack: whose dates it is for.
        bands: of it, those that the model sees.
        scores: the same one by the kind of device that it is on.
    """

    def encode(seen: Observations) -> Tensor:
        clear = scores[seen.dn.device.type].clear_sky(seen)  # (T, B, P)
        steps = (clear / reflectances.SCALE).round_()
        steps = steps.clamp_(reflectances.LEAST, reflectances.MOST)
        return steps.nan_to_num_(nan=reflectances.NODATA).to(torch.int16).flatten(0, 1)

    return SeenLayer(
        path=folder,
        content=CLEAR_SKY,
        names=[f"{scene} {band}" for scene in _scenes(stack) for band in bands],
        dtype=reflectances.DTYPE,
        encode=encode,
    )


def planes_needed(layers: Sequence[Layer]) -> int:
    """Of a judge that has so many, the most that any of some layers needs."""
    return max((layer.planes for layer in layers if isinstance(layer, JudgedLayer)), default=1)


def count_clear(unusable: Tensor, near: Tensor) -> Tensor:
    """Count the clear observations of other days near each.

    Args:
        unusable: (T, Y, X) probability, NaN for no answer.
        near: (T, T) 1 for pairs of dates to count, else 0.

    Returns:
        (T, Y, X) uint8, at most 254; 255 where there is no answer.
    """
    clear = (unusable < 0.5).to(near)
    count = torch.einsum("ts,syx->tyx", near, clear).clamp(max=UNKNOWN - 1)
    counted: Tensor = count.masked_fill(unusable.isnan(), UNKNOWN).to(torch.uint8)
    return counted


def share_attention(seen: Observations, attention: Attention, day: Tensor) -> Tensor:
    """(H, T, P) attention over the valid dates of each pixel, NaN where not valid."""
    logits = attention.logits(seen.reflectance(), day)
    share = attend(logits.transpose(1, 2), seen.valid.T).transpose(1, 2)
    heads: Tensor = share.masked_fill(~seen.valid, torch.nan)
    return heads


def _scenes(stack: Stack) -> list[str]:
    return [scene.name for scene in stack.scenes]
