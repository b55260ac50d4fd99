"""Random numbers by counting: each is a hash of what it is for, and of nothing else.

A number depends on the seed, the epoch, the use, the series and its place in the series' array.
So it is the same on every device, in every order of the series, on any number of processes, and
after a resumption; nothing needs to be remembered. All hashes are 32 bits wide, in int32, whose
products wrap.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import torch
from torch import Tensor

ROUNDS = 6
"""Of the Feistel network; four make a pseudorandom permutation (Luby and Rackoff 1988)."""
FIRST_DROPOUT = 100
"""Uses below are the trainer's own."""
STRIDES = (-0x61C88647, 0x3C6EF373)
"""Odd, one for each axis of a series' array: places a padding apart stay what they are."""
CHUNK = 1 << 22


def key_of(*words: int) -> int:
    """A key of 32 bits, as int32."""
    digest = hashlib.blake2b(repr(words).encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little", signed=True)


def mix(x: Tensor) -> Tensor:
    """Scramble int32 numbers in place, one to one (lowbias32, Wellons 2018, public domain)."""
    x ^= (x >> 16).bitwise_and_(0xFFFF)  # the mask: >> of signed numbers copies the sign
    x *= 0x7FEB352D
    x ^= (x >> 15).bitwise_and_(0x1FFFF)
    x *= -0x7B935975
    x ^= (x >> 16).bitwise_and_(0xFFFF)
    return x


@dataclass(frozen=True, kw_only=True)
class Draws:
    """The random numbers of one pass over some series; serves models as their `Chance`."""

    series: Tensor
    """(P,) which series these are, below 2^31."""
    seed: int
    epoch: int
    _dropouts: Iterator[int] = field(default_factory=lambda: count(FIRST_DROPOUT))

    def bits(self, shape: tuple[int, ...], *, use: int) -> Tensor:
        """Hashes for up to two axes per series: (P, *shape) int32."""
        assert len(shape) <= len(STRIDES)
        first, second = (key_of(self.seed, self.epoch, use, part) for part in range(2))
        state = mix(mix(self.series.to(torch.int32) ^ first) + second)
        for axis, stride in zip(shape, STRIDES, strict=False):
            place = torch.arange(axis, dtype=torch.int32, device=state.device) * stride
            state = state[..., None] + place
        return mix(state)

    def uniform(self, shape: tuple[int, ...], *, use: int) -> Tensor:
        """Even between 0 and below 1: (P, *shape) float32."""
        return _unit(self.bits(shape, use=use))

    def normal(self, shape: tuple[int, ...], *, use: int) -> Tensor:
        """Of mean 0 and standard deviation 1, at most 5.42 from 0: (P, *shape) float32."""
        return to_normal(self.uniform(shape, use=use))

    def dropout(self, x: Tensor, *, rate: float, sample_axis: int = 0) -> Tensor:
        """Set a share of the elements to 0; see `models.chance.Chance`."""
        shape = tuple(x.movedim(sample_axis, 0).shape[1:])
        kept = self.uniform(shape, use=next(self._dropouts)) >= rate
        return x * kept.movedim(0, sample_axis) / (1 - rate)


def to_normal(even: Tensor) -> Tensor:
    """Turn numbers even between 0 and below 1, of 24 bits, into normal ones, in place."""
    # Half a step keeps both ends off, where the inverse is infinite; added last, it is not lost.
    return even.mul_(2).sub_(1).add_(2**-24).erfinv_().mul_(2**0.5)


def _unit(bits: Tensor) -> Tensor:
    # 24 bits: as many as a float32 tells apart.
    return (bits >> 8).bitwise_and_(0xFFFFFF).float().mul_(2**-24)


def shuffled(series: int, *, seed: int, epoch: int, device: torch.device) -> Tensor:
    """An order of so many series, (P,) int64: each of them once."""
    keys = [key_of(seed, epoch, -1, number) for number in range(ROUNDS)]
    places = torch.arange(series, device=device).split(CHUNK)  # its temporaries are several times
    return torch.cat([_permute(place, series=series, keys=keys) for place in places])


def _permute(place: Tensor, *, series: int, keys: list[int]) -> Tensor:
    """Where a permutation of 0 to series - 1 sends these places."""
    # The network permutes a power of two. Who lands outside goes on until it is back inside,
    # which keeps the whole one to one (Black and Rogaway 2002).
    bits = max(2, (series - 1).bit_length())
    found = _feistel(place, bits=bits, keys=keys)
    while (outside := found >= series).any():
        found = torch.where(outside, _feistel(found, bits=bits, keys=keys), found)
    return found


def _feistel(x: Tensor, *, bits: int, keys: list[int]) -> Tensor:
    """Permute 0 to 2^bits - 1 in rounds; the halves need not be equally long."""
    high, low = bits // 2, bits - bits // 2
    for key in keys:
        left, right = x >> low, x & ((1 << low) - 1)
        hashed = mix(right.to(torch.int32) ^ key).long()
        x = (right << high) | ((left ^ hashed) & ((1 << high) - 1))
        high, low = low, high
    return x
