"""Which of the scenes found are wanted: by day, and by the cloud that metadata tell of."""

from collections.abc import Sequence

from am4cm_cli.errors import StackError
from am4cm_cli.stacks.dates import Moment
from am4cm_cli.stacks.drafts import Draft
from am4cm_cli.stacks.options import StackOptions

Dated = tuple[Draft, Moment]


def choose_scenes(scenes: Sequence[Dated], options: StackOptions) -> tuple[list[Dated], list[str]]:
    """Leave out what the user doesn't want.

    Returns:
        Scenes in their order, at least one; and notes.

    Raises:
        StackError: none is left, or cloud is asked for that no metadata tell of.
    """
    chosen, notes = _by_day(scenes, options)
    if options.max_cloud is None:
        return chosen, notes
    clear, more_notes = _by_cloud(chosen, options.max_cloud)
    return clear, notes + more_notes


def _by_day(scenes: Sequence[Dated], options: StackOptions) -> tuple[list[Dated], list[str]]:
    first, last = options.first_day, options.last_day
    chosen = [
        (draft, moment)
        for draft, moment in scenes
        if (first is None or moment.time.date() >= first)
        and (last is None or moment.time.date() <= last)
    ]
    if not chosen:
        days = sorted(moment.time.date() for _, moment in scenes)
        raise StackError(
            f"{scenes[0][0].path.parent}: no image {_asked(options)}; found {len(days)}, from "
            f"{days[0]} to {days[-1]}. Ask for some of these."
        )
    left = len(scenes) - len(chosen)
    return chosen, [f"{left} of {len(scenes)} scenes lie outside the days asked for."] * bool(left)


def _asked(options: StackOptions) -> str:
    first = f"from {options.first_day}" if options.first_day else ""
    last = f"to {options.last_day}" if options.last_day else ""
    return f"{first} {last}".strip()


def _by_cloud(scenes: Sequence[Dated], most: float) -> tuple[list[Dated], list[str]]:
    shares = [draft.product.cloud_share if draft.product else None for draft, _ in scenes]
    known = [share for share in shares if share is not None]
    if not known:
        raise StackError(
            f"{scenes[0][0].path}: no metadata tell how cloudy it is, nor any other scene; "
            "expected SAFE products or STAC items. Leave --max-cloud away."
        )
    chosen = [
        scene for scene, share in zip(scenes, shares, strict=True) if share is None or share <= most
    ]
    if not chosen:
        raise StackError(
            f"{scenes[0][0].path}: no scene has at most {most:.0%} of cloud by its metadata; "
            f"the clearest has {min(known):.0%}. Ask for more."
        )
    left, unknown = len(scenes) - len(chosen), len(scenes) - len(known)
    notes = [f"{left} of {len(scenes)} scenes are cloudier than {most:.0%} by their metadata."]
    silent = (
        f"{unknown} of {len(scenes)} scenes have no metadata on cloud, and are taken whatever they "
        "show."
    )
    return chosen, notes * bool(left) + [silent] * bool(unknown)
