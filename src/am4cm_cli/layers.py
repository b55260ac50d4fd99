"""What can be written of a stack's windows: one raster each, one band per scene or head."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from am4cm_cli.answers import WindowAnswer
from am4cm_cli.attention import FoldedAttention
from am4cm_cli.classes import UNKNOWN
from am4cm_cli.days import day_of_year
from am4cm_cli.models.ltae import attend
from am4cm_cli.scores import CounterfactualConfig
from am4cm_cli.scores.kernels import day_kernel
from am4cm_cli.scoring import PIXEL_DATES
from am4cm_cli.stacks.stack import Stack

CONTENTS = ("probability", "classes", "reliability", "attention")
NODATA = {"uint8": 255.0, "float32": float("nan")}


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One raster to write."""

    path: Path
    content: str
    """One of CONTENTS."""
    names: Sequence[str]
    """Of its bands."""
    dtype: str
    encode: Callable[[WindowAnswer], NDArray[Any]]
    """To (bands, Y, X) of this dtype, NODATA where there is no answer."""
    overview: str = "average"
    """See `create_cog`."""


def probability_layer(path: Path, stack: Stack, *, target: str, dtype: str) -> Layer:
    """Lay out the probability of a target: percent in uint8, 0 to 1 in float32."""

    def encode(answer: WindowAnswer) -> NDArray[Any]:
        return encode_probability(answer.judgement.probability(target).numpy(), dtype)

    return Layer(path=path, content="probability", names=_scenes(stack), dtype=dtype, encode=encode)


def class_layer(path: Path, stack: Stack) -> Layer:
    """Lay out the classes of `classes`, in uint8."""

    def encode(answer: WindowAnswer) -> NDArray[Any]:
        return answer.judgement.classes().numpy()

    return Layer(
        path=path,
        content="classes",
        names=_scenes(stack),
        dtype="uint8",
        encode=encode,
        overview="mode",
    )


def reliability_layer(path: Path, stack: Stack) -> Layer:
    """Lay out how many clear observations each answer rests on, in uint8, at most 254.

    Counted are the pixel's observations on other days within the kernel's reach for which cloud or
    shadow is less than an even chance.
    """
    kernel = day_kernel(stack.days, width=CounterfactualConfig().width)
    near = torch.from_numpy(kernel > 0).float()

    def encode(answer: WindowAnswer) -> NDArray[Any]:
        return count_clear(answer.judgement.unusable, near).numpy()

    return Layer(
        path=path, content="reliability", names=_scenes(stack), dtype="uint8", encode=encode
    )


def attention_layer(
    path: Path, stack: Stack, attention: FoldedAttention, *, each_head: bool
) -> Layer:
    """Lay out the model's own attention in float32, which sums to 1 over a pixel's dates.

    Args:
        path: of the raster.
        stack: whose dates it is for.
        attention: folded onto the stack's bands.
        each_head: a band for each scene and head, scene by scene; else the mean over heads.
    """
    on_cpu = attention.to(torch.device("cpu"), torch.float32)
    day = torch.from_numpy(day_of_year(stack.days)).float()
    heads = len(attention.bias)
    scenes = _scenes(stack)
    names = [f"{scene} head {head + 1}" for scene in scenes for head in range(heads)]

    def encode(answer: WindowAnswer) -> NDArray[Any]:
        shares = share_attention(answer, on_cpu, day)  # (H, T, Y, X)
        chosen = shares.transpose(0, 1).flatten(0, 1) if each_head else shares.mean(0)
        return chosen.contiguous().numpy()

    return Layer(
        path=path,
        content="attention",
        names=names if each_head else scenes,
        dtype="float32",
        encode=encode,
    )


def encode_probability(probability: NDArray[np.float32], dtype: str) -> NDArray[Any]:
    """Turn probabilities, NaN for none, into what a raster of this dtype stores."""
    if dtype == "float32":
        return probability
    percent = np.rint(probability * 100)
    return np.where(np.isnan(percent), NODATA["uint8"], percent).astype(np.uint8)


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


def share_attention(answer: WindowAnswer, attention: FoldedAttention, day: Tensor) -> Tensor:
    """(H, T, Y, X) attention over the valid dates of each pixel, NaN where not valid."""
    size = max(1, PIXEL_DATES // len(answer.valid))
    pieces = zip(
        torch.from_numpy(answer.reflectance).flatten(2).split(size, dim=-1),
        torch.from_numpy(answer.valid).flatten(1).split(size, dim=-1),
        strict=True,
    )
    shares = []
    for reflectance, valid in pieces:
        share = attend(attention.logits(reflectance, day).transpose(1, 2), valid.T)
        shares.append(share.transpose(1, 2).masked_fill(~valid, torch.nan))
    heads: Tensor = torch.cat(shares, dim=-1).unflatten(-1, answer.valid.shape[1:])
    return heads


def _scenes(stack: Stack) -> list[str]:
    return [scene.name for scene in stack.scenes]
