"""Every kind of reference, from tiny files of it."""

import numpy as np
import pytest
import rasterio.crs
from rasterio.windows import Window

from am4cm_cli.classes import CLEAR, SHADOW, SNOW, THICK, THIN, UNKNOWN
from am4cm_cli.errors import DataError, StackError
from am4cm_cli.rasters.masks import open_mask
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.stacks.headers import not_georeferenced_is_fine
from am4cm_cli.stacks.stack import Grid
from am4cm_cli.validation.classmaps import SCL, SCL_AS_MASK, maja, parse_map
from am4cm_cli.validation.matching import match
from am4cm_cli.validation.references import read_reference
from stacks import CORNER, CRS, write_image, write_mask, write_stack

SHAPE = 6, 4
GRID = Grid(crs=rasterio.crs.CRS.from_string(CRS), transform=CORNER, shape=SHAPE)
DAYS = "2018-01-06", "2018-01-21", "2018-03-07"
WHOLE = Window(0, 0, SHAPE[1], SHAPE[0])


def numbers(choices, *, dates=3, shape=SHAPE, seed=0):
    return np.random.default_rng(seed).choice(np.array(choices, np.uint8), (dates, *shape))


def classes(reference, window=WHOLE):
    return np.stack([reference.read(name, window) for name in reference.names])


def write_npz(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_labels_drawn_by_eye(tmp_path):
    labels = numbers([0, 1, 2, 3, 4, 255])
    path = write_npz(tmp_path / "eye.npz", labels=labels, dates=np.array(DAYS, "datetime64[D]"))
    found = read_reference(path, GRID)
    assert (found.kind, found.names) == ("npz", DAYS)
    np.testing.assert_array_equal(classes(found), labels)
    part = Window.from_slices((1, 4), (2, 4))
    np.testing.assert_array_equal(classes(found, part), labels[:, 1:4, 2:4])


def test_a_quality_mask(tmp_path):
    mask = numbers([0, 1])
    found = read_reference(write_npz(tmp_path / "q.npz", mask=mask, dates=DAYS), GRID)
    np.testing.assert_array_equal(classes(found), np.where(mask == 1, THICK, CLEAR))


def test_a_probability_is_believed_where_it_is_sure(tmp_path):
    share = np.tile([0.05, 0.1, 0.7, 0.71], (1, 6, 1))
    share[0, 0, 0] = np.nan
    found = read_reference(
        write_npz(tmp_path / "p.npz", probability=share, date=["2018-01-06"]), GRID
    )
    assert found.kind == "probability"
    expected = np.tile([CLEAR, UNKNOWN, UNKNOWN, THICK], (1, 6, 1))
    expected[0, 0, 0] = UNKNOWN
    np.testing.assert_array_equal(classes(found), expected)


def test_sen2cors_classes_at_20_m(tmp_path):
    scl = numbers(range(12), shape=(3, 2))
    for day, date in zip(DAYS, scl, strict=True):
        name = f"SCL_{day.replace('-', '')}.tif"
        coarse = CORNER @ CORNER.scale(2)
        write_image(tmp_path / name, date[None], transform=coarse, nodata=0)
    found = read_reference(tmp_path, GRID)
    assert (found.kind, found.names) == ("scl", DAYS)
    known = {3: SHADOW, 4: CLEAR, 5: CLEAR, 6: CLEAR, 8: THICK, 9: THICK, 10: THIN, 11: SNOW}
    expected = np.vectorize(lambda number: known.get(number, UNKNOWN))(scl)
    fine = np.kron(expected, np.ones((1, 2, 2), int))
    np.testing.assert_array_equal(classes(found), fine)
    # A window that begins and ends within coarse pixels.
    part = Window.from_slices((1, 4), (1, 2))
    np.testing.assert_array_equal(classes(found, part), fine[:, 1:4, 1:2])


def test_scl_as_a_mask_drops_what_a_user_drops():
    dropped = {number for number, kind in SCL_AS_MASK.items() if kind != CLEAR}
    assert dropped == {0, 1, 3, 8, 9, 10, 11}
    assert set(SCL) == set(range(12))


def test_majas_bits():
    bits = {
        0: CLEAR,
        1 << 0 | 1 << 1 | 1 << 2: THICK,
        1 << 0 | 1 << 1 | 1 << 3 | 1 << 5: THICK,
        1 << 0 | 1 << 1 | 1 << 7: THIN,
        1 << 4: THIN,
        1 << 0 | 1 << 5: SHADOW,
        1 << 0 | 1 << 6: SHADOW,
        1 << 0: SHADOW,
    }
    np.testing.assert_array_equal(maja(np.array(list(bits), np.uint8)), list(bits.values()))


def test_theias_folders(tmp_path):
    fields = numbers([0, 7, 131, 33], dates=2, shape=(3, 2))
    for day, field in zip(("20180106-105022-461", "20180121-105022-461"), fields, strict=True):
        scene = f"SENTINEL2A_{day}_L2A_T31UFQ_C_V2-2"
        path = tmp_path / scene / "MASKS" / f"{scene}_CLM_R2.tif"
        write_image(path, field[None], transform=CORNER @ CORNER.scale(2))
        write_image(tmp_path / scene / f"{scene}_FRE_B2.tif", np.ones((1, 6, 4), np.int16))
    found = read_reference(tmp_path, GRID)
    assert (found.kind, found.names) == ("maja", DAYS[:2])
    np.testing.assert_array_equal(classes(found), np.kron(maja(fields), np.ones((1, 2, 2), int)))


def test_a_raster_with_a_date_for_every_band(tmp_path):
    truth = numbers([0, 1, 2, 3, 255])
    path = write_image(tmp_path / "truth.tif", truth, names=DAYS, nodata=255)
    found = read_reference(path, GRID)
    assert (found.kind, found.names) == ("classes", DAYS)
    np.testing.assert_array_equal(classes(found), truth)


def test_a_map_of_ones_own(tmp_path):
    path = write_image(tmp_path / "c.tif", numbers([0, 5, 7]), names=DAYS, nodata=0)
    mapping = parse_map("0=clear, 5=cloud,7=unknown")
    found = classes(read_reference(path, GRID, mapping=mapping))
    expected = {0: CLEAR, 5: THICK, 7: UNKNOWN}
    np.testing.assert_array_equal(found, np.vectorize(expected.__getitem__)(numbers([0, 5, 7])))


def test_another_mask_by_am4cm(tmp_path):
    write_stack(tmp_path / "images", days=DAYS, shape=SHAPE)
    percent = numbers([0, 9, 10, 70, 71, 255])
    path = write_mask(tmp_path / "m.tif", find_stack(str(tmp_path / "images")), percent)
    found = read_reference(path, open_mask(path).grid)
    assert found.kind == "probability"
    sure = {0: CLEAR, 9: CLEAR, 71: THICK}
    expected = np.vectorize(lambda number: sure.get(number, UNKNOWN))(percent)
    np.testing.assert_array_equal(classes(found), expected)


def test_two_dates_of_a_day_are_told_apart_by_the_second(tmp_path):
    names = "2018-01-06T10:50:22", "2018-01-06T10:51:02", "2018-01-21"
    path = write_image(tmp_path / "truth.tif", numbers([0, 1]), names=names)
    assert read_reference(path, GRID).names == names


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("0=clear,1", "1"),
        ("a=clear", "a=clear"),
        ("1=fog", "1=fog"),
        ("0=clear,0=cloud", "0 is given twice"),
    ],
)
def test_a_map_that_cannot_be_read_is_named(text, word):
    with pytest.raises(DataError, match=word):
        parse_map(text)


def test_what_cannot_be_used_is_named(tmp_path):
    wrong = write_npz(tmp_path / "w.npz", labels=numbers([0], shape=(4, 6)), dates=DAYS)
    with pytest.raises(DataError, match=r"w\.npz.*\(3, 4, 6\).*\(3, 6, 4\)"):
        read_reference(wrong, GRID)
    with pytest.raises(DataError, match="expected dates and one of labels"):
        read_reference(write_npz(tmp_path / "x.npz", other=[1]), GRID)
    with pytest.raises(DataError, match="no such reference"):
        read_reference(tmp_path / "none", GRID)
    (tmp_path / "broken.npz").write_bytes(b"PK nothing")
    with pytest.raises(DataError, match="cannot be read as npz"):
        read_reference(tmp_path / "broken.npz", GRID)
    nowhen = write_image(tmp_path / "plain.tif", numbers([0, 1]))
    with pytest.raises(DataError, match="has no dates"):
        read_reference(nowhen, GRID)
    elsewhere = write_image(
        tmp_path / "e.tif", numbers([0]), names=DAYS, transform=CORNER @ CORNER.translation(2, 0)
    )
    with pytest.raises(StackError, match="another grid"):
        read_reference(elsewhere, GRID)
    small = tmp_path / "s.tif"
    with not_georeferenced_is_fine():
        write_image(small, numbers([0], shape=(5, 4)), names=DAYS, transform=None, crs=None)
    with pytest.raises(DataError, match="another grid"):
        read_reference(small, GRID)
    with pytest.raises(DataError, match="twice"):
        read_reference(
            write_image(tmp_path / "t.tif", numbers([0]), names=[*DAYS[:2], DAYS[0]]), GRID
        )
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="no raster"):
        read_reference(empty, GRID)


def test_an_unknown_number_is_named(tmp_path):
    path = write_image(tmp_path / "c.tif", numbers([9]), names=DAYS)
    with pytest.raises(DataError, match=r"c\.tif.*number 9.*--map"):
        read_reference(path, GRID).read(DAYS[0], WHOLE)


def test_a_map_for_bits_or_probabilities_is_refused(tmp_path):
    path = write_image(tmp_path / "c.tif", numbers([0]), names=DAYS)
    with pytest.raises(DataError, match="no use"):
        read_reference(path, GRID, kind="maja", mapping={0: CLEAR})


def test_dates_match_by_name_second_or_day():
    here = "2018-01-06", "2018-01-21T10:50:00", "2018-01-21T10:50:30", "2018-03-07"
    there = "2018-01-06T11:00:00", "2018-01-21T10:50:30", "2018-02-01"
    found = match(here, there)
    assert found.pairs == (
        ("2018-01-06", "2018-01-06T11:00:00"),
        ("2018-01-21T10:50:30", "2018-01-21T10:50:30"),
    )
    assert found.only_here == ("2018-01-21T10:50:00", "2018-03-07")
    assert found.only_there == ("2018-02-01",)


def test_a_map_makes_classes_of_floats(tmp_path):
    found = numbers([0, 1]).astype(np.float32)
    path = write_image(tmp_path / "t.tif", found, names=DAYS)
    mapped = read_reference(path, GRID, mapping={0: CLEAR, 1: THIN})
    assert mapped.kind == "classes"
    np.testing.assert_array_equal(classes(mapped), np.where(found == 1, THIN, CLEAR))


def test_nan_is_no_class(tmp_path):
    found = numbers([0, 1]).astype(np.float32)
    found[:, 0, 0] = np.nan
    path = write_image(tmp_path / "t.tif", found, names=DAYS)
    known = classes(read_reference(path, GRID, kind="classes"))
    assert (known[:, 0, 0] == UNKNOWN).all()
    assert (known != UNKNOWN).sum() == known.size - 3


def test_a_map_is_never_passed_over(tmp_path):
    arrays = write_npz(tmp_path / "p.npz", probability=numbers([0]) / 1.0, dates=DAYS)
    scene = tmp_path / "theia" / "SENTINEL2A_20180106-105022-461_L2A_T31UFQ_C_V2-2"
    write_image(scene / "MASKS" / f"{scene.name}_CLM_R2.tif", numbers([0], dates=1))
    for path in (arrays, tmp_path / "theia"):
        with pytest.raises(DataError, match="no use"):
            read_reference(path, GRID, mapping={0: CLEAR})


def test_numbers_beyond_a_probability_are_refused(tmp_path):
    path = write_image(tmp_path / "p.tif", numbers([0, 200]), names=DAYS)
    with pytest.raises(
        DataError, match=r"p\.tif: holds numbers from 0 to 200; expected .* 0 to 100"
    ):
        read_reference(path, GRID, kind="probability").read(DAYS[0], WHOLE)


def test_a_kind_that_an_array_contradicts_is_refused(tmp_path):
    path = write_npz(tmp_path / "p.npz", probability=numbers([0]) / 1.0, dates=DAYS)
    with pytest.raises(DataError, match="cannot be of kind maja"):
        read_reference(path, GRID, kind="maja")


@pytest.mark.parametrize(("content", "kind"), [("classes", "classes"), ("reliability", None)])
def test_own_rasters_are_told_by_their_tag(tmp_path, content, kind):
    tags = {"AM4CM_METHOD": "counterfactual", "AM4CM_VERSION": "0", "AM4CM_CONTENT": content}
    path = write_image(tmp_path / "own.tif", numbers([0, 1]), names=DAYS, nodata=255, tags=tags)
    if kind is None:
        with pytest.raises(StackError, match="holds reliability"):
            read_reference(path, GRID)
    else:
        assert read_reference(path, GRID).kind == kind


def test_an_empty_npz_is_refused(tmp_path):
    path = tmp_path / "labels.npz"
    path.touch()
    with pytest.raises(DataError, match="cannot be read as npz"):
        read_reference(path, GRID)
