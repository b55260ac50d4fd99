"""A device that refuses what Apple's does, on any machine.

Its tensors say that they are on `mps` and live on the CPU. They keep to what torch's backend for
Metal can: no float64, no unsigned integers but bytes, no operation on tensors of two devices, and
operators alone for which torch's own table names a kernel on MPS.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path

import torch
import torchgen
import yaml
from torch.overrides import TorchFunctionMode, resolve_name
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

MPS = torch.device("mps", 0)
REFUSED = {torch.float64, torch.complex128, torch.uint16, torch.uint32, torch.uint64}
TABLE = Path(torchgen.__file__).parent / "packaged/ATen/native/native_functions.yaml"
BETWEEN = ("to", "copy_", "__getitem__", "__setitem__", "type_as")
"""What takes tensors of two devices."""
QUESTIONS = ("_parse_to", "_has_compatible_shallow_copy_type")
"""What modules ask when they are moved."""


class MetalTensor(torch.Tensor):
    """A tensor that says that it is on Apple's GPU."""

    @property
    def device(self):
        return MPS

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        return run(function, args, kwargs or {})


class Metal(TorchFunctionMode):
    """Sees what names the device without a tensor that is there."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        return run(function, args, kwargs or {})


class Kernels(TorchDispatchMode):
    """Sees every operator that a function comes down to."""

    def __init__(self, seen):
        super().__init__()
        self.seen = seen

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        name = operator.__name__.removesuffix(".default")
        self.seen.add(name)
        if not has_kernel(name):
            raise NotImplementedError(f"aten::{name} is not implemented for the MPS device")
        found = operator(*args, **(kwargs or {}))
        for one in tree_leaves(found):
            if isinstance(one, torch.Tensor) and one.dtype in REFUSED:
                raise TypeError(f"{name}: MPS has no {one.dtype}")
        return found


SEEN: set[str] = set()
"""Operators that ran there since `metal` began."""


@contextmanager
def metal() -> Iterator[torch.device]:
    """Have `mps` be there for a while; yield it."""
    SEEN.clear()
    before = torch.__future__.get_overwrite_module_params_on_conversion()
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    try:
        with Metal():
            yield MPS
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(before)


def run(function, args, kwargs):
    """Run a function of which an argument is there, or that shall answer there."""
    name = (resolve_name(function) or getattr(function, "__name__", "")).rpartition(".")[2]
    if name in QUESTIONS:
        with torch._C.DisableTorchFunctionSubclass():
            return function(*args, **kwargs)
    leaves = tree_leaves((args, kwargs))
    there = any(isinstance(one, MetalTensor) for one in leaves)
    asked = [torch.device(one).type for one in leaves if names_device(one)]
    stays = asked[-1] == "mps" if asked else there and name not in {"cpu", "numpy"}
    if there and name == "numpy":
        raise TypeError("can't convert mps:0 device type tensor to numpy.")
    if there and name not in BETWEEN and any(map(strange, leaves)):
        raise RuntimeError(f"{name}: Expected all tensors to be on the same device")
    args, kwargs = tree_map(lambda one: "cpu" if names_device(one) else one, (args, kwargs))
    if name in {"cpu", "to"} and there and not stays:
        function, args, kwargs = torch.Tensor.clone, args[:1], {}
    with torch._C.DisableTorchFunctionSubclass(), Kernels(SEEN) if stays else nullcontext():
        found = function(*args, **kwargs)
    return tree_map(lambda one: settle(one, stays), found)


def names_device(one):
    return isinstance(one, torch.device) or (isinstance(one, str) and one in {"cpu", "mps"})


def strange(one):
    """Whether a tensor is of the CPU; numbers go along."""
    return isinstance(one, torch.Tensor) and not isinstance(one, MetalTensor) and one.dim() > 0


def settle(one, stays):
    """A tensor that says where it is now."""
    if not isinstance(one, torch.Tensor) or isinstance(one, MetalTensor) == stays:
        return one
    if stays and one.dtype in REFUSED:
        raise TypeError(f"Cannot convert a MPS Tensor to {one.dtype}")
    return one.as_subclass(MetalTensor if stays else torch.Tensor)


@cache
def operators():
    """What torch's table says of each operator, by its name and overload."""
    entries = yaml.load(TABLE.read_text(), yaml.CSafeLoader)
    return {entry["func"].partition("(")[0]: entry for entry in entries}


@cache
def has_kernel(name):
    """Whether an operator, such as add.Tensor, runs on MPS."""
    entry = operators()[name]
    if "structured_delegate" in entry:
        return has_kernel(entry["structured_delegate"])
    kernels = {key.strip() for keys in entry.get("dispatch", {}) for key in keys.split(",")}
    composed = any(key.startswith("Composite") for key in kernels)  # of other operators
    return not kernels or composed or "MPS" in kernels
