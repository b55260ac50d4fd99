"""The log of a training for TensorBoard, which is an extra."""

from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from am4cm_cli.errors import MissingExtraError
from am4cm_cli.training.history import Epoch


class Board:
    """A folder of TensorBoard's event files; without a folder it writes nothing."""

    def __init__(self, folder: Path | None) -> None:
        """Begin or continue the log.

        Raises:
            MissingExtraError: tensorboard is not installed.
        """
        self.writer = _writer(folder) if folder else None

    def add(self, epoch: Epoch) -> None:
        """Write a point of each curve."""
        if self.writer:
            for name, value in asdict(epoch).items():
                if name != "epoch":
                    self.writer.add_scalar(name, value, epoch.epoch)
            self.writer.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.writer:
            self.writer.close()


def _writer(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingExtraError(
            f"--tensorboard {folder}: tensorboard is not installed. Install am4cm[tensorboard], or "
            "leave out the option: the log is written as CSV anyway."
        ) from error
    return SummaryWriter(str(folder))
