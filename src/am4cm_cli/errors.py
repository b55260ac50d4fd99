"""What a user can cause and mend; anything else is a bug and keeps its traceback."""

from pathlib import Path


class Am4cmError(Exception):
    """Says where, what was found, what was expected and what to do."""


class StackError(Am4cmError):
    """The images of a stack cannot be used as they are."""


class UnreadableError(StackError):
    """An image cannot be opened, or its pixels cannot be read."""

    def __init__(self, message: str, path: Path) -> None:
        """Tell what is wrong with which file."""
        super().__init__(message, path)  # both, since errors come back from other processes
        self.path = path

    def __str__(self) -> str:
        """Show the message alone."""
        return str(self.args[0])


class ChangedError(UnreadableError):
    """An image was written or removed while a run was reading it, so what was read is of no use."""


class EarlierError(Am4cmError):
    """A mask made before cannot be updated, or cannot lend its calibration."""


class OutputError(Am4cmError):
    """An output cannot be written where it was asked for."""


class DataError(Am4cmError):
    """Labels or prepared pixel series cannot be used as they are."""


class WeightsError(Am4cmError):
    """A file is not weights, or these weights cannot serve this stack."""


class SettingsError(Am4cmError):
    """A settings file cannot be read, or says something of what there is not."""


class MissingExtraError(Am4cmError):
    """An optional library is not installed."""


def first_line(error: BaseException) -> str:
    """The message of another library, which may go on for pages."""
    return str(error).strip().partition("\n")[0] or type(error).__name__
