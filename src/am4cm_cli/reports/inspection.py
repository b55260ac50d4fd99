"""What am4cm understands of a stack or a mask, and what looks wrong in it."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import repeat
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from am4cm_cli.levels import StackLevels, find_levels, level_notes
from am4cm_cli.marks import read_calibrated_on, read_marks
from am4cm_cli.rasters.masks import MaskFile, open_mask, read_numbers
from am4cm_cli.rasters.reading import read_scene_patches
from am4cm_cli.refits import added_dates, refit_due, refit_line
from am4cm_cli.reports.facts import (
    BandReport,
    CalibrationReport,
    GridReport,
    MaskBandReport,
    MaskReport,
    ProductReport,
    SceneReport,
    StackReport,
)
from am4cm_cli.sensors import PLAUSIBLE
from am4cm_cli.stacks.grids import crs_name, pixel_size
from am4cm_cli.stacks.headers import THREADS, quiet
from am4cm_cli.stacks.stack import Grid, Scene, Stack
from am4cm_cli.windows import sample_windows, tile_grid
from am4cm_cli.witnesses import PIXELS

# REACH times the width in scores.counterfactual, whose torch would take info a second.
LONELY_DAYS = 75
"""A scene further than this from all others has nothing to be compared with."""


def inspect_stack(stack: Stack) -> StackReport:
    """Judge every scene by a sample of its pixels: all of a small grid, patches of a large one."""
    windows = sample_windows(stack.grid.shape, per_axis=4)
    with quiet(stack.grid), ThreadPoolExecutor(THREADS) as pool:
        futures = [pool.submit(_sample, stack, scene, windows) for scene in stack.scenes]
        try:
            samples = [future.result() for future in futures]
        finally:
            pool.shutdown(cancel_futures=True)
    levels = _find_levels(stack, samples)
    shifts = {stack.scenes[one.index].name: one.shift for one in levels.odd}
    scenes = [
        _scene_report(stack, scene, sample, samples, shifts.get(scene.name, 0.0))
        for scene, sample in zip(stack.scenes, samples, strict=True)
    ]
    return StackReport(
        source=stack.source,
        grid=_grid_report(stack.grid),
        bands=stack.bands,
        scenes=tuple(scenes),
        notes=(*stack.notes, *level_notes(levels, [scene.name for scene in stack.scenes])),
    )


def inspect_mask(path: Path) -> MaskReport:
    """Count the clouds of every band of a mask, window by window."""
    mask = open_mask(path)
    counts = np.zeros((len(mask.names), 3))
    for window in tile_grid(mask.grid.shape, size=256):
        counts += _count(mask, window)
    pixels = mask.grid.shape[0] * mask.grid.shape[1]
    bands = [
        _mask_band_report(name, count.tolist(), pixels)
        for name, count in zip(mask.names, counts, strict=True)
    ]
    return MaskReport(
        path=str(path),
        version=mask.tags["AM4CM_VERSION"],
        method=mask.tags.get("AM4CM_METHOD"),
        weights=mask.tags.get("AM4CM_WEIGHTS"),
        dtype=mask.dtype,
        grid=_grid_report(mask.grid),
        bands=tuple(bands),
        tags=mask.tags,
        calibration=calibration_report(mask),
    )


@dataclass(frozen=True, kw_only=True)
class _Sample:
    """What a sample of one scene's pixels shows."""

    name: str
    day: int
    valid_share: float
    median: Mapping[str, float]
    blank_bands: tuple[str, ...]
    """Where no pixel is valid: those of the deciding bands in which none is valid at all."""
    reflectance: NDArray[np.float32]
    """(B, P) of the deciding bands and at most PIXELS pixels, to compare scenes by."""
    valid: NDArray[np.bool_]
    """(P,) of the same."""


def _sample(stack: Stack, scene: Scene, windows: Sequence[Window]) -> _Sample:
    bands = stack.deciding_bands
    reflectance, valid = read_scene_patches(scene, bands, windows)
    medians = dict(zip(bands, map(_median, reflectance, repeat(valid)), strict=True))
    for band in set(stack.bands) - set(bands):
        (other,), own = read_scene_patches(scene, [band], windows)
        medians[band] = _median(other, own & valid)
    every = -(-len(valid) // PIXELS)
    return _Sample(
        name=scene.name,
        day=scene.time.toordinal(),
        valid_share=float(valid.mean()),
        median={b: m for b in stack.bands if (m := medians[b]) is not None},
        blank_bands=() if valid.any() else _blank_bands(scene, bands, windows),
        # Copies, so that the whole sample needs no memory while others are read.
        reflectance=reflectance[:, ::every].copy(),
        valid=valid[::every].copy(),
    )


def _find_levels(stack: Stack, samples: Sequence[_Sample]) -> StackLevels:
    return find_levels(
        np.stack([sample.reflectance for sample in samples]),
        np.stack([sample.valid for sample in samples]),
        stack.days,
    )


def _median(reflectance: NDArray[np.float32], valid: NDArray[np.bool_]) -> float | None:
    return float(np.median(reflectance[valid])) if valid.any() else None


def _blank_bands(scene: Scene, bands: Sequence[str], windows: Sequence[Window]) -> tuple[str, ...]:
    return tuple(b for b in bands if not read_scene_patches(scene, [b], windows)[1].any())


def _scene_report(
    stack: Stack, scene: Scene, sample: _Sample, samples: Sequence[_Sample], shift: float
) -> SceneReport:
    return SceneReport(
        name=scene.name,
        time=scene.time.isoformat(),
        bands=tuple(_band_report(stack, scene, band) for band in stack.bands),
        product=_product_report(scene),
        level_shift=shift,
        valid_share=sample.valid_share,
        median_reflectance=sample.median,
        problems=(
            *_blank(sample, len(stack.deciding_bands)),
            *_odd_scale(sample),
            *_odd_level(shift),
            *_bad_company(sample, samples),
        ),
        fills=tuple(dict.fromkeys(str(f.path) for tile in scene.fills for f in tile.values())),
    )


def _band_report(stack: Stack, scene: Scene, band: str) -> BandReport:
    file = scene.bands[band]
    return BandReport(
        name=band,
        file=str(file.path),
        index=file.index,
        pixel_size=pixel_size(stack.grid)[0] * file.factor / scene.shrink,
        scale=file.scale,
        offset=file.offset,
        scale_from=file.scale_from,
        offset_from=file.offset_from,
        nodata="nan" if file.nodata is not None and np.isnan(file.nodata) else file.nodata,
    )


def _product_report(scene: Scene) -> ProductReport | None:
    product = scene.product
    if product is None:
        return None
    return ProductReport(
        source=product.source,
        level=product.level,
        baseline=product.baseline,
        tile=product.tile,
        orbit=product.orbit,
        cloud_share=product.cloud_share,
    )


def _blank(sample: _Sample, bands: int) -> list[str]:
    if sample.valid_share:
        return []
    if not sample.blank_bands:
        return ["no pixel is valid in all bands"]
    some = len(sample.blank_bands) < bands
    return ["no valid pixel" + f" in {', '.join(sample.blank_bands)}" * some]


def _odd_scale(sample: _Sample) -> list[str]:
    """Integers read as reflectance, or reflectance scaled once more, stand out by far."""
    medians = sample.median.values()
    darkest, brightest = PLAUSIBLE
    if medians and max(medians) > brightest:
        return [f"median reflectance up to {max(medians):.3g}, too bright; check the scale"]
    if medians and max(medians) < darkest:
        return [f"median reflectance at most {max(medians):.3g}, too dark; check the scale"]
    return []


def _odd_level(shift: float) -> list[str]:
    if not shift:
        return []
    return [f"{abs(shift):.1f} too {'bright' if shift > 0 else 'dark'} in every band: see below"]


def _bad_company(sample: _Sample, samples: Sequence[_Sample]) -> list[str]:
    """Say if a scene shares its day, or has no other with valid pixels near it in time."""
    others = [other for other in samples if other is not sample]
    problems = []
    if any(other.day == sample.day for other in others):
        problems.append("same day as another")
    if sample.valid_share and not any(_is_near(sample, other) for other in others):
        problems.append(f"no other scene within {LONELY_DAYS} days")
    return problems


def _is_near(sample: _Sample, other: _Sample) -> bool:
    return other.valid_share > 0 and abs(other.day - sample.day) <= LONELY_DAYS


def _count(mask: MaskFile, window: Window) -> NDArray[np.float64]:
    """(T, 3) of a window: valid pixels, those at 50 % or more, and the sum of probabilities."""
    numbers, valid = read_numbers(mask, window)
    cloud = valid & (numbers >= 0.5 * mask.full)
    total = np.sum(numbers, axis=(1, 2), where=valid, dtype=np.float64) / mask.full
    return np.stack([valid.sum((1, 2)), cloud.sum((1, 2)), total], axis=1)


def calibration_report(mask: MaskFile) -> CalibrationReport | None:
    """What a mask tells of its calibration; None where it does not."""
    try:
        fitted = read_calibrated_on(mask.tags["AM4CM_CALIBRATED_ON"])
        marks = read_marks(mask.tags["AM4CM_SCENES"])
    except (KeyError, ValueError):
        return None
    return CalibrationReport(
        **asdict(fitted),
        added=added_dates(marks),
        refit_due=refit_due(marks),
        line=refit_line(fitted, marks),
    )


def _mask_band_report(name: str, counts: Sequence[float], pixels: int) -> MaskBandReport:
    valid, cloud, total = counts
    return MaskBandReport(
        name=name,
        valid_share=valid / pixels,
        cloud_share=cloud / valid if valid else None,
        mean_probability=total / valid if valid else None,
    )


def _grid_report(grid: Grid) -> GridReport:
    return GridReport(
        crs=crs_name(grid),
        transform=tuple(grid.transform)[:6],
        shape=grid.shape,
        pixel_size=pixel_size(grid),
    )
