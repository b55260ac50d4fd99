"""One pixel's series: what was seen, what a clear sky would have shown, and what is believed."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from am4cm_cli.answers import WindowAnswer, judge_window
from am4cm_cli.attention import Attention
from am4cm_cli.days import day_of_year
from am4cm_cli.errors import StackError
from am4cm_cli.judgement import JointJudge, fit_judge, joint_scores
from am4cm_cli.layers import count_clear, share_attention
from am4cm_cli.places import Place
from am4cm_cli.rasters.cache import bounded_cache
from am4cm_cli.scores import CounterfactualConfig
from am4cm_cli.scores.kernels import day_kernel
from am4cm_cli.scores.neighbourhood import RIM
from am4cm_cli.scores.observations import Observations
from am4cm_cli.scores.residuals import parts_of
from am4cm_cli.scoring import StackScorer, draw_sample, make_scorer
from am4cm_cli.serving import serve
from am4cm_cli.stacks.stack import Stack
from am4cm_cli.weights import Weights
from am4cm_cli.windows import inside, with_rim


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a pixel's dates have against a clear sky; NaN for no answer."""

    drop: NDArray[np.float32]
    """(T,) of the attention, of this pixel alone."""
    clear_sky: NDArray[np.float32]
    """(3, T) reflectance in blue, NIR and SWIR, of this pixel alone."""
    cloud: NDArray[np.float32]
    """(T,) joint score over 3 x 3 pixels: about 0 with a spread of 1 where clear."""
    shadow: NDArray[np.float32]
    """(T,) likewise."""


@dataclass(frozen=True, kw_only=True)
class PixelSeries:
    """Everything about one pixel over time; NaN where there is no observation or no answer."""

    source: str
    """What the user named."""
    weights: str
    """Their name."""
    place: Place
    scenes: tuple[str, ...]
    """(T,) names."""
    days: NDArray[np.float64]
    """(T,) since 1970-01-01, with the time of day as a fraction."""
    bands: tuple[str, ...]
    """(B,)"""
    parts: tuple[int, int, int]
    """Places in `bands` of those taken for blue, NIR and SWIR."""
    valid: NDArray[np.bool_]
    """(T,)"""
    reflectance: NDArray[np.float32]
    """(B, T)"""
    evidence: Evidence
    attention: NDArray[np.float32]
    """(H, T), sums to 1 over a head's valid dates."""
    cloud: NDArray[np.float32]
    """(T,) probability, as the mask has it."""
    unusable: NDArray[np.float32]
    """(T,) probability of cloud or shadow, as the mask has it."""
    classes: NDArray[np.uint8]
    """(T,) of `classes`."""
    clear_nearby: NDArray[np.uint8]
    """(T,) clear dates that the answer rests on; 255 for no answer."""

    @property
    def answered(self) -> NDArray[np.bool_]:
        """(T,) dates with a probability; an observation too far from all others has none."""
        known: NDArray[np.bool_] = np.isfinite(self.unusable)
        return known

    @property
    def shares(self) -> NDArray[np.float32]:
        """(H, T) attention as a multiple of an even share."""
        return self.attention * np.float32(self.valid.sum())


def explain_pixel(
    stack: Stack,
    place: Place,
    weights: Weights,
    *,
    device: torch.device,
    batch: int | None = None,
) -> PixelSeries:
    """Judge one pixel as the mask does, by the same sample of the stack, and keep what led to it.

    Args:
        stack: that it lies in.
        place: of the pixel.
        weights: of the model.
        device: to compute on.
        batch: see `make_scorer`.

    Raises:
        StackError: too few scenes can be compared, a file cannot be read, or the pixel was never
            observed.
        WeightsError: the stack lacks bands that the weights cannot do without.
    """
    scorer = make_scorer(stack, weights, "counterfactual", device=device, batch=batch)
    with bounded_cache():
        sample = draw_sample(scorer)
        dates = int(sample.answered.sum())
        judge = fit_judge(sample.evidence, weights.calibration, "counterfactual", dates=dates)
        assert isinstance(judge, JointJudge)
        answer = judge_window(scorer, judge, place.window)
        _check_observed(stack, place, answer)
        evidence = _weigh(scorer, judge, place, _reflectance(answer))
    attention = serve(stack, weights)
    return _series(stack, place, weights, attention, answer=answer, evidence=evidence)


def _check_observed(stack: Stack, place: Place, answer: WindowAnswer) -> None:
    if not answer.valid.any():
        raise StackError(
            f"{stack.source}: none of {len(stack.scenes)} dates shows column {place.column}, row "
            f"{place.row}; expected at least one. Choose another pixel."
        )


def _weigh(
    scorer: StackScorer, judge: JointJudge, place: Place, reflectance: NDArray[np.float32]
) -> Evidence:
    """Score the pixel with its rim; (B, T) reflectance turns what departs into a clear sky."""
    wider = with_rim(place.window, scorer.stack.grid.shape, rim=RIM)
    (row, _), (column, _) = ((part.start, part.stop) for part in inside(place.window, wider))
    evidence = scorer.window(wider)
    scores = [score[:, row, column].numpy() for score in joint_scores(evidence, judge.mode)]
    drop, blue, nir, swir = evidence[:, :, row, column].numpy()
    seen = reflectance[list(parts_of(scorer.bands))]
    # The blue is measured above the clear sky, the others below it.
    clear_sky = seen + np.stack([-blue, nir, swir])
    return Evidence(drop=drop, clear_sky=clear_sky, cloud=scores[0], shadow=scores[1])


def _series(
    stack: Stack,
    place: Place,
    weights: Weights,
    attention: Attention,
    *,
    answer: WindowAnswer,
    evidence: Evidence,
) -> PixelSeries:
    believed = answer.judgement
    return PixelSeries(
        source=stack.source,
        weights=weights.name,
        place=place,
        scenes=tuple(scene.name for scene in stack.scenes),
        days=_times(stack),
        bands=attention.bands,
        parts=parts_of(attention.bands),
        valid=answer.valid[:, 0, 0],
        reflectance=_reflectance(answer),
        evidence=evidence,
        attention=_attend(stack, answer, attention),
        cloud=_alone(believed.cloud),
        unusable=_alone(believed.unusable),
        classes=_alone(believed.classes()),
        clear_nearby=_count(stack, believed.unusable),
    )


def _attend(stack: Stack, answer: WindowAnswer, attention: Attention) -> NDArray[np.float32]:
    day = torch.from_numpy(day_of_year(stack.days)).float()
    on_cpu = attention.to(torch.device("cpu"), torch.float32)
    seen = Observations.of_reflectance(
        torch.from_numpy(answer.reflectance).flatten(2), torch.from_numpy(answer.valid).flatten(1)
    )
    shares: NDArray[np.float32] = share_attention(seen, on_cpu, day)[:, :, 0].numpy()
    return shares


def _count(stack: Stack, unusable: Tensor) -> NDArray[np.uint8]:
    kernel = day_kernel(stack.days, width=CounterfactualConfig().width)
    near = torch.from_numpy(kernel > 0).float()
    return _alone(count_clear(unusable, near))


def _reflectance(answer: WindowAnswer) -> NDArray[np.float32]:
    """(B, T) of a window of one pixel, NaN where not valid."""
    seen = np.where(answer.valid[:, None], answer.reflectance, np.float32(np.nan))
    turned: NDArray[np.float32] = seen[:, :, 0, 0].T
    return turned


def _alone(layer: Tensor) -> NDArray[Any]:
    """(T,) of a (T, 1, 1) layer."""
    series: NDArray[Any] = layer[:, 0, 0].numpy()
    return series


def _times(stack: Stack) -> NDArray[np.float64]:
    times = np.array([scene.time.replace(tzinfo=None) for scene in stack.scenes], "datetime64[s]")
    days: NDArray[np.float64] = times.astype(np.int64) / 86400
    return days
