"""How to train."""

from dataclasses import dataclass

CLASS_WEIGHTS = ("none", "balanced")
KEEP = ("best", "last")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How to train; travels with the weights."""

    model: str = "ltae"
    """One of `models.MODEL_NAMES`."""
    epochs: int = 10
    batch: int = 512
    """Series per step, over all processes together."""
    rate: float = 4e-3
    """Peak learning rate of the one-cycle schedule."""
    weight_decay: float = 1e-2
    drop_dates: float = 0.6
    """Each series loses a share of its dates drawn evenly from 0 to this."""
    drop_bands: float = 0.0
    """Share of the series that lose bands: a share of them drawn evenly from 0 to 1."""
    shade: float = 0.05
    """Share of the dates that are darkened as if by a cloud's shadow."""
    noise: float = 0.04
    """Standard deviation of the reflectance that is added to every band of every date, anew."""
    class_weights: str = "none"
    """Or "balanced": each class weighs as much as any other, whatever its number of series."""
    label_smoothing: float = 0.0
    """Share of each label that is spread evenly over all classes."""
    keep: str = "best"
    """The epoch of the highest mean IoU on the validation fold, or the "last"."""
    seed: int = 0

    def __post_init__(self) -> None:
        # Another word would be taken for one of these without a sound.
        assert self.class_weights in CLASS_WEIGHTS
        assert self.keep in KEEP
