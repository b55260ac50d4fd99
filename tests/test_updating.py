"""Masks brought up to date: the same bytes as from the whole stack, and far scenes left alone."""

import json
import os
import re
import shutil
import sys
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
import rasterio
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from am4cm_cli.app import main
from am4cm_cli.errors import EarlierError, OutputError, StackError
from am4cm_cli.marks import CalibratedOn, Mark, match_marks
from am4cm_cli.masking import mask_stack
from am4cm_cli.orders import Basis, MaskConfig, MaskFiles, Resources
from am4cm_cli.parts import parts_folder
from am4cm_cli.refits import refit_due, refit_line
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.weights import save_weights
from cloudy import CLOUD, GROUND, bright_weights
from networks import mlp_twin
from stacks import write_image, write_stack

CPU = torch.device("cpu")
CHUNK = 75
SHAPE = (7, 5)
DAYS = (*range(4, 300, 23), 420, 505, 506, *range(600, 900, 47), 1050, 1051, 1180)
"""Since 2018-01-01: dense, then sparse, with gaps of more than a chunk."""


def name_of(day):
    return f"S2_L2A_{date(2018, 1, 1) + timedelta(days=day):%Y%m%d}.tif"


def chunk_of(day):
    return ((date(2018, 1, 1) - date(1970, 1, 1)).days + day) // CHUNK


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    """Images to choose from, some under cloud in part, and a mask of them all."""
    folder = tmp_path_factory.mktemp("pool")
    rng = np.random.default_rng(3)
    share = rng.choice([0, 0, 0, 0.1, 1], (len(DAYS), 1, *SHAPE))
    dn = GROUND[:, None, None] + share * (CLOUD - GROUND)[:, None, None]
    dn = dn * rng.normal(1, 0.05, dn.shape) + rng.normal(0, 40, dn.shape)
    dn = dn.round().clip(1, 20000).astype(np.uint16)
    days = [str(date(2018, 1, 1) + timedelta(days=day)) for day in DAYS]
    write_stack(folder / "images", days=days, dn=dn, compress="deflate")
    mask(folder / "images", folder / "all.tif")
    return folder


def mask(source, out, basis=None, *, weights=None, resume=False, track=iter, **options):
    """Mask what `find_stack` finds; return what was told."""
    told = []
    stack = find_stack(source)
    resources = {name: options.pop(name) for name in ("tile", "threads") if name in options}
    mask_stack(
        stack,
        MaskFiles(probability=out),
        weights or bright_weights(),
        MaskConfig(**options),
        Resources(**resources),
        device=CPU,
        basis=basis,
        resume=resume,
        track=track,
        tell=told.append,
    )
    return told


def update(old):
    return Basis(path=old, update=True)


def listed(pool, out, days):
    paths = (str(pool / "images" / name_of(day)) for day in days)
    out.write_text("\n".join(paths) + "\n")
    return out


def assert_same_dates(one, other):
    """All but the note which of them the calibration was fitted to."""
    with rasterio.open(one) as first, rasterio.open(other) as second:
        assert_array_equal(first.read(), second.read())
        assert first.descriptions == second.descriptions


choice = st.sets(st.sampled_from(DAYS), min_size=1)


@settings(max_examples=7)
@given(
    before=choice,
    added=st.sets(st.sampled_from(DAYS), max_size=3),
    gone=st.sets(st.sampled_from(DAYS), max_size=2),
    tile=st.sampled_from([4, 5, None]),
    threads=st.integers(1, 3),
    dtype=st.sampled_from(["uint8", "float32"]),
)
def test_an_update_gives_the_bytes_of_a_whole_run(
    pool, tmp_path_factory, before, added, gone, tile, threads, dtype
):
    folder = tmp_path_factory.mktemp("example")
    after = (before | added) - gone or before
    old = listed(pool, folder / "old.txt", sorted(before))
    new = listed(pool, folder / "new.txt", sorted(after))
    mask(old, folder / "old.tif", Basis(path=pool / "all.tif"), dtype=dtype)
    mask(new, folder / "whole.tif", Basis(path=folder / "old.tif"), dtype=dtype)
    how = {"tile": tile, "threads": threads, "dtype": dtype}
    mask(new, folder / "new.tif", update(folder / "old.tif"), **how)
    assert (folder / "new.tif").read_bytes() == (folder / "whole.tif").read_bytes()


@pytest.mark.parametrize("added", [DAYS[0], 505, DAYS[-1]])
def test_one_date_at_either_end_or_between(pool, tmp_path, added):
    old = listed(pool, tmp_path / "old.txt", [day for day in DAYS if day != added])
    mask(old, tmp_path / "old.tif", Basis(path=pool / "all.tif"))
    mask(pool / "images", tmp_path / "new.tif", update(tmp_path / "old.tif"))
    assert_same_dates(tmp_path / "new.tif", pool / "all.tif")
    with rasterio.open(tmp_path / "new.tif") as raster:
        assert len(np.unique(raster.read())) > 10  # answers of many kinds


def test_a_network_is_updated_too(pool, tmp_path):
    linear = bright_weights()
    weights = replace(linear, model=mlp_twin(linear.model))
    old, new, whole = (tmp_path / name for name in ("old.tif", "new.tif", "whole.tif"))
    mask(pool / "images", whole, Basis(path=pool / "all.tif"), weights=weights)
    mask(listed(pool, tmp_path / "old.txt", DAYS[:-1]), old, Basis(path=whole), weights=weights)
    mask(pool / "images", new, update(old), weights=weights)
    assert_same_dates(new, whole)


def test_far_scenes_are_not_read(pool, tmp_path):
    added = 1180
    shutil.copytree(pool / "images", tmp_path / "in")
    (tmp_path / "in" / name_of(added)).rename(tmp_path / "new.part")
    mask(tmp_path / "in", tmp_path / "old.tif", Basis(path=pool / "all.tif"))
    (tmp_path / "new.part").rename(tmp_path / "in" / name_of(added))
    computed = {day for day in DAYS if abs(chunk_of(day) - chunk_of(added)) <= 3}
    read = {day for day in DAYS if min(abs(chunk_of(day) - chunk_of(c)) for c in computed) <= 3}
    assert len(computed) < len(read) < len(DAYS) - 8
    for day in set(DAYS) - read:
        spoil(tmp_path / "in" / name_of(day))
    told = mask(tmp_path / "in", tmp_path / "new.tif", update(tmp_path / "old.tif"))
    assert told == [
        f"1 date is new; {len(computed)} of {len(DAYS)} are computed again, the others are "
        f"{tmp_path}/old.tif's."
    ]
    assert_same_dates(tmp_path / "new.tif", pool / "all.tif")
    spoil(tmp_path / "in" / name_of(min(read)))
    with pytest.raises(StackError, match=re.escape(name_of(min(read)))):
        mask(tmp_path / "in", tmp_path / "new.tif", update(tmp_path / "old.tif"))


def spoil(path):
    """Make a file's only block unreadable, but not what the file says of itself."""
    content = bytearray(path.read_bytes())
    with rasterio.open(path) as raster:
        start, size = (
            int(raster.get_tag_item(f"BLOCK_{what}_0_0", "TIFF", bidx=1))
            for what in ("OFFSET", "SIZE")
        )
    content[start : start + size] = b"\xff" * size
    path.write_bytes(content)


def test_what_changed_is_told(pool, tmp_path):
    shutil.copytree(pool / "images", tmp_path / "in")
    (tmp_path / "in" / name_of(4)).unlink()
    (tmp_path / "in" / name_of(27)).unlink()
    with rasterio.open(tmp_path / "in" / name_of(50)) as raster:
        dn, names = raster.read(), raster.descriptions
    write_image(tmp_path / "in" / name_of(50), dn // 2 + 1, names=names, nodata=0)
    write_image(tmp_path / "in" / name_of(51), dn, names=names, nodata=0)
    told = mask(tmp_path / "in", tmp_path / "new.tif", update(pool / "all.tif"))
    computed = sum(chunk_of(day) <= chunk_of(51) + 3 for day in {*DAYS, 51} - {4, 27})
    assert told == [
        f"1 date is new, 1 date has changed, 2 dates have gone; {computed} of {len(DAYS) - 1} are "
        f"computed again, the others are {pool}/all.tif's."
    ]
    mask(tmp_path / "in", tmp_path / "whole.tif", Basis(path=pool / "all.tif"))
    assert (tmp_path / "new.tif").read_bytes() == (tmp_path / "whole.tif").read_bytes()


def test_without_a_change_all_is_taken_over(pool, tmp_path):
    shutil.copytree(pool / "images", tmp_path / "in")
    for day in DAYS:
        spoil(tmp_path / "in" / name_of(day))
    told = mask(tmp_path / "in", tmp_path / "new.tif", update(pool / "all.tif"))
    assert told == [f"Nothing has changed since {pool}/all.tif; all {len(DAYS)} dates are its own."]
    assert (tmp_path / "new.tif").read_bytes() == (pool / "all.tif").read_bytes()


def test_a_band_is_known_by_its_time_not_its_name(pool, tmp_path):
    """The second scene of a day changes the name of the first."""
    folder = tmp_path / "in"
    shutil.copytree(pool / "images", folder)
    (folder / name_of(1180)).rename(folder / "S2_L2A_20210326T105031.tif")
    mask(folder, tmp_path / "old.tif", Basis(path=pool / "all.tif"))
    shutil.copy(folder / name_of(1051), folder / "S2_L2A_20210326T110502.tif")
    told = mask(folder, tmp_path / "new.tif", update(tmp_path / "old.tif"))
    assert told[0].startswith("1 date is new; ")
    with rasterio.open(tmp_path / "new.tif") as raster:
        assert raster.descriptions[-2:] == ("2021-03-26T10:50:31", "2021-03-26T11:05:02")
    mask(folder, tmp_path / "whole.tif", Basis(path=tmp_path / "old.tif"))
    assert (tmp_path / "new.tif").read_bytes() == (tmp_path / "whole.tif").read_bytes()


def test_a_mask_may_take_its_own_predecessors_place(pool, tmp_path):
    out = tmp_path / "mask.tif"
    mask(listed(pool, tmp_path / "less.txt", DAYS[:-1]), out, Basis(path=pool / "all.tif"))
    mask(pool / "images", out, update(out), tile=4)
    assert_same_dates(out, pool / "all.tif")


class StoppedError(Exception):
    """Stands for whatever ends a run."""


def stop_after(count):
    def track(windows):
        for done, window in enumerate(windows):
            if done == count:
                raise StoppedError
            yield window

    return track


def test_an_update_that_was_stopped_goes_on(pool, tmp_path):
    old, new = tmp_path / "old.tif", tmp_path / "new.tif"
    mask(listed(pool, tmp_path / "less.txt", DAYS[1:]), old, Basis(path=pool / "all.tif"))
    with pytest.raises(StoppedError):
        mask(pool / "images", new, update(old), tile=4, resume=True, track=stop_after(2))
    told = mask(pool / "images", new, update(old), tile=4, resume=True)
    assert "Going on from an earlier run: 2 of 4 windows are done." in told
    assert_same_dates(new, pool / "all.tif")
    assert not parts_folder(new).exists()


def test_an_old_mask_that_changed_meanwhile_is_noticed(pool, tmp_path):
    old, new = tmp_path / "old.tif", tmp_path / "new.tif"
    shutil.copy(pool / "all.tif", old)
    source = listed(pool, tmp_path / "less.txt", DAYS[1:])
    with pytest.raises(StoppedError):
        mask(source, new, update(old), tile=4, resume=True, track=stop_after(1))
    os.utime(old, ns=(0, 0))
    told = mask(source, new, update(old), tile=4, resume=True)
    assert any("starting again. Changed: --update." in line for line in told)


@pytest.mark.parametrize(
    ("made", "asked", "words"),
    [
        (None, {"dtype": "float32"}, "another dtype. Found uint8; expected float32"),
        (None, {"target": "unusable"}, "another target. Found cloud; expected unusable"),
        ("blue", {}, "another method. Found blue; expected counterfactual"),
        ("logit", {"method": "logit"}, "is of the method logit"),
        ("attention", {"method": "attention"}, "is of the method attention"),
    ],
)
def test_masks_of_another_kind_are_refused(pool, tmp_path, made, asked, words):
    retag(pool / "all.tif", tmp_path / "old.tif", "AM4CM_METHOD", made or "counterfactual")
    with pytest.raises(EarlierError, match=rf"old\.tif: .*{re.escape(words)}"):
        mask(pool / "images", tmp_path / "new.tif", update(tmp_path / "old.tif"), **asked)
    assert not (tmp_path / "new.tif").exists()


@pytest.mark.parametrize(
    ("tag", "text", "words"),
    [
        ("AM4CM_VERSION", "0.0.1", "another version of am4cm. Found 0.0.1"),
        ("AM4CM_WEIGHTS_SHA256", "f" * 64, "another weights. Found ffff"),
        ("AM4CM_BANDS", "B02 B03 B04", "another bands. Found B02 B03 B04; expected B02 B03 B04 B0"),
        ("AM4CM_CALIBRATION", "[1]", "AM4CM_CALIBRATION cannot be read (it is no object)"),
        ("AM4CM_CALIBRATION", "{}", "AM4CM_CALIBRATION cannot be read (calibration has"),
        ("AM4CM_SCENES", "none", "AM4CM_SCENES cannot be read"),
        ("AM4CM_SCENES", "[]", "another number of scenes. Found 0"),
        ("AM4CM_CALIBRATED_ON", "{}", "AM4CM_CALIBRATED_ON cannot be read"),
        ("AM4CM_SCENES", None, "lacks the tag AM4CM_SCENES"),
    ],
)
def test_tags_that_do_not_fit_are_refused(pool, tmp_path, tag, text, words):
    retag(pool / "all.tif", tmp_path / "old.tif", tag, text)
    with pytest.raises(EarlierError, match=rf"old\.tif: .*{re.escape(words)}"):
        mask(pool / "images", tmp_path / "new.tif", update(tmp_path / "old.tif"))


def retag(old, new, tag, text):
    """Copy a raster with another tag; None takes it away."""
    with rasterio.open(old) as raster:
        tags = {**raster.tags(), tag: text}
        kept = {name: words for name, words in tags.items() if words is not None}
        with rasterio.open(new, "w", **raster.profile) as copy:
            copy.update_tags(**kept)
            copy.write(raster.read())


def test_what_is_no_mask_of_probabilities_is_refused(pool, tmp_path):
    with pytest.raises(StackError, match="is no mask by am4cm"):
        mask(pool / "images", tmp_path / "new.tif", update(pool / "images" / name_of(4)))
    retag(pool / "all.tif", tmp_path / "old.tif", "AM4CM_CONTENT", "classes")
    with pytest.raises(StackError, match="holds classes, not probabilities"):
        mask(pool / "images", tmp_path / "new.tif", update(tmp_path / "old.tif"))


def test_another_grid_is_refused(pool, tmp_path):
    days = [str(date(2018, 1, 1) + timedelta(days=day)) for day in DAYS]
    write_stack(tmp_path / "in", days=days, shape=(7, 6))
    with pytest.raises(EarlierError, match=r"another grid\. Found 5 x 7 .* expected 6 x 7"):
        mask(tmp_path / "in", tmp_path / "new.tif", update(pool / "all.tif"))
    mask(tmp_path / "in", tmp_path / "new.tif", Basis(path=pool / "all.tif"))


def test_other_rasters_cannot_be_updated(pool, tmp_path):
    files = MaskFiles(probability=tmp_path / "new.tif", classes=tmp_path / "classes.tif")
    with pytest.raises(OutputError, match=r"classes\.tif: --update can't make it"):
        mask_stack(
            find_stack(pool / "images"),
            files,
            bright_weights(),
            MaskConfig(),
            device=CPU,
            basis=update(pool / "all.tif"),
        )


def test_a_damaged_old_mask_is_named(pool, tmp_path):
    whole = (pool / "all.tif").read_bytes()
    (tmp_path / "old.tif").write_bytes(whole[:-40] + b"\xff" * 40)
    with pytest.raises(StackError, match=r"old\.tif: .* Mask the whole stack without --update"):
        mask(pool / "images", tmp_path / "new.tif", update(tmp_path / "old.tif"))


# When a refit is due.


def marks_of(*fitted):
    return [
        Mark(time=f"2018-01-{day + 1:02d}T00:00:00", digest=str(day), fitted=own)
        for day, own in enumerate(fitted)
    ]


FITTED = CalibratedOn(dates=72, first="2018-01-06", last="2018-12-27")


def test_a_refit_is_due_after_too_many_dates():
    few, many = marks_of(*[True] * 4, *[False] * 2), marks_of(*[True] * 3, *[False] * 2)
    assert not refit_due(few)
    assert refit_due(many)
    assert refit_line(FITTED, marks_of(True)) == "fitted on 72 dates, 2018-01-06 to 2018-12-27"
    assert refit_line(FITTED, marks_of(True, True, True, False)).endswith(
        "; 1 date of 4 was added since: no refit is due yet"
    )
    assert refit_line(FITTED, many).endswith(
        "; 2 dates of 5 were added since: a refit is due (mask without --update)"
    )


def test_scenes_that_cannot_be_told_apart_have_no_match():
    one, other = marks_of(True, True)
    assert match_marks([one, other], [other, one]) == (1, 0)
    assert match_marks([one, one, other], [one, other]) == (None, None, 1)
    assert match_marks([one, other], [one, one]) == (None, None)


# The commands.


@pytest.fixture
def run(capfd, monkeypatch, pool):
    save_weights(pool / "bright.safetensors", bright_weights())

    def run_main(*words):
        monkeypatch.setattr(sys, "argv", ["am4cm", *map(str, words)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        printed = capfd.readouterr()
        return stop.value.code or 0, printed.out, " ".join(printed.err.split())

    return run_main


def test_months_of_updates_as_a_user_meets_them(run, pool, tmp_path):
    out, weights = tmp_path / "mask.tif", ("--weights", pool / "bright.safetensors")
    half = len(DAYS) // 2
    assert run("mask", listed(pool, tmp_path / "1.txt", DAYS[:half]), out, *weights)[0] == 0
    code, printed, _ = run("info", out, "--json")
    found = json.loads(printed)["calibration"]
    assert (found["added"], found["refit_due"]) == (0, False)
    for count in (half + 2, len(DAYS)):
        source = listed(pool, tmp_path / "2.txt", DAYS[:count])
        code, printed, told = run("mask", source, out, "--update", out, "--overwrite", *weights)
        assert code == 0, told
        assert " new; " in told
        assert f": {count} dates, " in told
        assert ("a refit is due" in told) == (count == len(DAYS))
    code, printed, _ = run("info", out)
    assert code == 0
    assert "a refit is due (mask without --update)" in " ".join(printed.split())


def test_two_bases_are_one_too_many(run, pool, tmp_path):
    old = pool / "all.tif"
    words = ("--update", old, "--calibration", old)
    code, _, told = run("mask", pool / "images", tmp_path / "out.tif", *words)
    assert code == 2
    assert "has no use with --update" in told
