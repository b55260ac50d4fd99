"""What a user can cause and mend; anything else is a bug and keeps its traceback."""


class Am4cmError(Exception):
    """Says where, what was found, what was expected and what to do."""


class StackError(Am4cmError):
    """The images of a stack cannot be used as they are."""


class EarlierError(Am4cmError):
    """A mask made before cannot be updated, or cannot lend its calibration."""


class OutputError(Am4cmError):
    """An output cannot be written where it was asked for."""


class DataError(Am4cmError):
    """Labels or prepared pixel series cannot be used as they are."""


class WeightsError(Am4cmError):
    """A file is not weights, or these weights cannot serve this stack."""


class MissingExtraError(Am4cmError):
    """An optional library is not installed."""


def first_line(error: BaseException) -> str:
    """The message of another library, which may go on for pages."""
    return str(error).strip().partition("\n")[0] or type(error).__name__
