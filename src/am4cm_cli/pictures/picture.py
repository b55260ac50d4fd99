"""A contact sheet: what the satellite saw above what the mask makes of it."""

from pathlib import Path
from types import ModuleType

from am4cm_cli.errors import MissingExtraError, StackError
from am4cm_cli.files import appear
from am4cm_cli.pictures.choice import choose_dates
from am4cm_cli.pictures.panels import matching_scenes, read_panels, survey
from am4cm_cli.progress import Track
from am4cm_cli.rasters.masks import MaskFile, open_mask
from am4cm_cli.stacks.stack import Stack


def draw_sheet(
    stack: Stack, mask_path: Path, out_png: Path, *, count: int = 12, track: Track = iter
) -> int:
    """Draw some dates of a stack, in true colour above the cloud probability, as a PNG.

    Dates are chosen by `choose_dates`. Without B04, B03 and B02, the first land band is drawn in
    grey; `track` follows them.

    Returns:
        How many dates were drawn.

    Raises:
        StackError: the mask is not of this stack, or has no valid pixel.
        MissingExtraError: matplotlib is not installed.
    """
    sheet = _load_sheet()
    mask = open_mask(mask_path)
    scenes = matching_scenes(stack, mask)
    chosen = choose_dates(survey(mask), count=count)
    if not chosen:
        raise StackError(f"{mask_path}: has no valid pixel on any date, so nothing can be drawn.")
    panels = read_panels(stack, scenes, mask, chosen, track=track)
    with appear(out_png) as part:
        sheet.save_sheet(panels, part, title=_title(mask, len(chosen)), source=_source(mask))
    return len(chosen)


def _load_sheet() -> ModuleType:
    try:
        from am4cm_cli.pictures import sheet
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f'Drawing needs {error.name}, which is not installed: pip install "am4cm[plots]".'
        ) from error
    return sheet


def _title(mask: MaskFile, shown: int) -> str:
    count = len(mask.names)
    return f"{mask.title} on {count if shown == count else f'{shown} of {count}'} dates"


def _source(mask: MaskFile) -> str:
    made_by = (mask.tags.get(name) for name in ("AM4CM_METHOD", "AM4CM_WEIGHTS"))
    return " · ".join([mask.path.name, *(text for text in made_by if text)])
