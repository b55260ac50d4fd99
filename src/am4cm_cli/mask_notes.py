"""What a user should know of a mask, one sentence each."""

from collections.abc import Sequence

from am4cm_cli.earlier import Earlier
from am4cm_cli.judgement import JointJudge, Judge
from am4cm_cli.levels import level_notes
from am4cm_cli.marks import Mark
from am4cm_cli.refits import refit_due, refit_line
from am4cm_cli.scores.residuals import NIR
from am4cm_cli.scoring import StackSample, StackScorer
from am4cm_cli.stacks.stack import Stack
from am4cm_cli.weights import Weights

MOST_CLOUD = 0.85
"""Of a sample, by the fit; beyond, what is called clear may only be less cloudy than the rest."""
BRIGHTEST_GROUND = 0.25
"""Blue reflectance; ground without snow is darker, but for some deserts and salt lakes."""


def band_notes(scorer: StackScorer, weights: Weights) -> list[str]:
    """Name the bands that the stack lacks."""
    missing = [band for band in weights.model.config.bands if band not in scorer.bands]
    if not missing:
        return []
    return [f"The stack has no {', '.join(missing)}; the mask rests on {', '.join(scorer.bands)}."]


def target_notes(scorer: StackScorer, method: str, target: str) -> list[str]:
    """Say where shadows cannot be told, or not well."""
    if target == "cloud":
        return []
    if method != "counterfactual":
        return [f"The method {method} knows no shadows: cloud stands for unusable."]
    if not set(NIR) & set(scorer.bands):
        return ["The stack has no near infrared: shadows cannot be told."]
    if not {"B11", "B12"} & set(scorer.bands):
        return ["The stack has no short-wave infrared: shadows are told less well."]
    return []


def sample_notes(sample: StackSample, stack: Stack) -> list[str]:
    """Name dates of a wrong level, and dates that cannot be compared."""
    notes = list(level_notes(sample.levels, [scene.name for scene in stack.scenes]))
    if sample.isolated:
        notes.append(
            "No date near enough to compare with, so written as nodata: "
            f"{', '.join(sample.isolated)}."
        )
    return notes


def clear_sky_notes(sample: StackSample, judge: Judge) -> list[str]:
    """Warn where there may be nothing clear to compare with."""
    advice = "there may be no clear sky to compare with, so don't rely on dates that are called "
    advice += "clear; add clearer dates."
    share = judge.unusable.cloud_share if isinstance(judge, JointJudge) else 0.0
    if sample.clear_blue > BRIGHTEST_GROUND:
        return [
            f"Even at its clearest this stack is bright (blue reflectance {sample.clear_blue:.2f}, "
            f"where ground seldom exceeds {BRIGHTEST_GROUND}): {advice}"
        ]
    if share > MOST_CLOUD:
        return [f"By its own sample {share:.0%} of this stack is cloud or shadow: {advice}"]
    return []


def refit_notes(earlier: Earlier, marks: Sequence[Mark]) -> list[str]:
    """Say when a calibration that serves again has seen too few of the dates."""
    if not refit_due(marks):
        return []
    line = refit_line(earlier.calibrated_on, marks)
    return [f"The calibration of {earlier.mask.path} was {line}."]
