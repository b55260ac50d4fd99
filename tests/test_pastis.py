"""PASTIS folders: what is read, and every fault named in one run."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from am4cm_cli.datasets.pastis.checking import check_pastis
from am4cm_cli.datasets.pastis.layout import CLASSES, is_pastis
from am4cm_cli.errors import DataError
from pastis import (
    feature,
    images,
    read_metadata,
    target,
    write_metadata,
    write_pastis,
)


@pytest.fixture
def folder(tmp_path):
    return write_pastis(tmp_path / "PASTIS")


def faults(folder: Path) -> list[str]:
    """Lines of the error, without its first and its last."""
    with pytest.raises(DataError) as caught:
        check_pastis(folder)
    first, *lines, last = str(caught.value).splitlines()
    assert first.startswith(f"{folder}: found {len(lines)} fault")
    assert last == "Mend these files, or remove them and fetch them again."
    return [line.strip() for line in lines]


def change(folder: Path, edit, place: int = 0) -> None:
    """Edit the properties of one patch."""
    collection = read_metadata(folder)
    edit(collection["features"][place]["properties"])
    write_metadata(folder, collection["features"])


def test_a_good_folder_by_hand(folder):
    found = check_pastis(folder)
    assert [patch.number for patch in found.patches] == [10000, 10003, 10006]
    assert [patch.fold for patch in found.patches] == [1, 2, 3]
    # 1970-01-01 to 2018-09-24: 48 years, 12 of them leap years, and 266 days.
    first = 48 * 365 + 12 + 266
    assert found.patches[0].days == (first, first + 5, first + 10)
    assert found.patches[1].days == (first, first + 5, first + 10, first + 15)
    assert found.notes == ()
    assert len(CLASSES) == 19


def test_what_is_pastis(folder, tmp_path):
    assert is_pastis(folder)
    assert not is_pastis(tmp_path)
    (folder / "metadata.geojson").unlink()
    assert is_pastis(folder)


def test_folders_of_other_sensors_are_left_alone(folder):
    for name in ("DATA_S1A", "DATA_S1D", "DATA_SPOT", "INSTANCE_ANNOTATIONS"):
        (folder / name).mkdir()
        np.save(folder / name / f"{name[5:]}_10000.npy", np.zeros((2, 3), np.float16))
    assert check_pastis(folder).notes == ()


@pytest.mark.parametrize(
    "dates",
    [
        {"0": 20180924, "1": 20180929, "2": 20181004},
        {"2": "20181004", "0": "20180924", "1": "20180929"},
        '{"0": 20180924, "1": 20180929, "2": 20181004}',
        {"0": 20180924.0, "1": 20180929.0, "2": 20181004.0},
    ],
)
def test_dates_in_all_their_spellings(folder, dates):
    change(folder, lambda properties: properties.update({"dates-S2": dates}))
    assert np.diff(check_pastis(folder).patches[0].days).tolist() == [5, 5]


@pytest.mark.parametrize(
    ("dates", "words"),
    [
        ({"0": 20180924, "1": 20181301, "2": 20181004}, "found dates-S2 20181301, expected a date"),
        ({"0": 20180924, "1": 20180229, "2": 20181004}, "found dates-S2 20180229, expected a date"),
        ({"0": 20180924, "1": None, "2": 20181004}, "found dates-S2 null, expected a date"),
        ({"0": 20180924, "1": 1018, "2": 20181004}, "found dates-S2 1018, expected a date"),
        (
            {"0": 20180924, "1": 20180929, "3": 20181004},
            'numbered ["0", "1", "3"], expected 0 to 2',
        ),
        ({}, "found dates-S2 {}, expected a date by number"),
        ([20180924], "found dates-S2 [20180924], expected a date by number"),
        ("{", 'found dates-S2 "{", expected JSON'),
        ("[" * 99999, 'found dates-S2 "[[['),
        (None, "found dates-S2 null, expected a date by number"),
    ],
)
def test_dates_that_are_none(folder, dates, words):
    change(folder, lambda properties: properties.update({"dates-S2": dates}))
    (fault,) = faults(folder)
    assert fault.startswith("metadata.geojson: patch 10000: ")
    assert words in fault


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda p: p.update(Fold=6), "patch 10000: found Fold 6, expected 1 to 5"),
        (lambda p: p.update(Fold=True), "patch 10000: found Fold true, expected 1 to 5"),
        (lambda p: p.pop("Fold"), "patch 10000: found Fold nowhere, expected 1 to 5"),
        (lambda p: p.pop("dates-S2"), "patch 10000: found dates-S2 null"),
        (lambda p: p.update(ID_PATCH="x"), 'feature 0: found ID_PATCH "x", expected a number'),
        (lambda p: p.update(ID_PATCH=10003), "found patch 10003 2 times, expected once"),
    ],
)
def test_properties_that_are_wrong(folder, edit, words):
    change(folder, edit)
    (fault,) = faults(folder)
    assert fault.startswith("metadata.geojson: ")
    assert words in fault


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "found no readable JSON"),
        ("[]", "found [], expected a list of features"),
        ('{"features": {}}', "expected a list of features"),
        ('{"features": []}', "expected a list of features"),
        ('{"features": [7]}', "feature 0: found 7, expected properties"),
        ("[" * 99999, "found no readable JSON"),
    ],
)
def test_metadata_that_are_none(folder, text, words):
    (folder / "metadata.geojson").write_text(text)
    (fault,) = faults(folder)
    assert fault.startswith("metadata.geojson: ")
    assert words in fault


def test_metadata_that_are_missing(folder):
    (folder / "metadata.geojson").unlink()
    assert "No such file" in faults(folder)[0]


def test_arrays_are_looked_at_even_without_metadata(folder):
    (folder / "metadata.geojson").write_text('{"features": [')
    (folder / "DATA_S2" / "S2_10000.npy").unlink()
    (folder / "DATA_S2" / "S2_x.npy").write_bytes(b"")
    np.save(folder / "DATA_S2" / "S2_10003.npy", np.zeros((4, 9, 128, 128), np.int16))
    cut(-1, codes)(folder)
    found = faults(folder)
    names = ("metadata", "DATA_S2/S2_10000", "DATA_S2/S2_10003", "ANNOTATIONS/TARGET_10003")
    assert [fault.partition(".")[0] for fault in found] == list(names)


@pytest.mark.parametrize(
    ("text", "count"), [("{", 1), ("{}", 10), ("7", 10), ('{"Fold_1": {"mean": [1, "x"]}}', 10)]
)
def test_statistics_that_are_wrong(folder, text, count):
    (folder / "NORM_S2_patch.json").write_text(text)
    found = faults(folder)
    assert len(found) == count
    assert all(fault.startswith("NORM_S2_patch.json: found") for fault in found)


def test_statistics_that_are_missing_are_not_missed(folder):
    (folder / "NORM_S2_patch.json").unlink()
    (note,) = check_pastis(folder).notes
    assert "holds no NORM_S2_patch.json" in note


def image(folder: Path) -> Path:
    return folder / "DATA_S2" / "S2_10003.npy"


def codes(folder: Path) -> Path:
    return folder / "ANNOTATIONS" / "TARGET_10003.npy"


def stored(dtype, *, path=image, shape=(4, 10, 128, 128)):
    return lambda folder: np.save(path(folder), np.zeros(shape, dtype))


def cut(count: int, path=image):
    return lambda folder: path(folder).write_bytes(path(folder).read_bytes()[:count])


def header(old: bytes, new: bytes):
    """Damage of the header that keeps its length."""

    def spoil(folder: Path) -> None:
        found = image(folder).read_bytes()
        assert len(old) == len(new)
        assert found.count(old) == 1
        image(folder).write_bytes(found.replace(old, new))

    return spoil


def pickled(folder: Path) -> None:
    with image(folder).open("wb") as file:
        np.lib.format.write_array(file, np.array([{}, 7], dtype=object), allow_pickle=True)


def fortran(folder: Path) -> None:
    np.save(image(folder), np.asfortranarray(images(4, 0)))


def high_class(folder: Path) -> None:
    found = target(1)
    found[0, 127, 3] = 20
    np.save(codes(folder), found)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (stored(np.int16, shape=(3, 10, 128, 128)), "found int16 (3, 10, 128, 128), expected int16 "
         "(4, 10, 128, 128), the dates in metadata.geojson"),
        (stored(np.uint16), "found uint16 (4, 10, 128, 128), expected int16 (4, 10, 128, 128)."),
        (stored(np.float32), "found float32"),
        (stored(">i2"), "found >i2"),
        (stored(np.int16, shape=(4, 128, 128, 10)), "found int16 (4, 128, 128, 10), expected"),
        (stored(np.int16, shape=(4, 10, 128)), "found int16 (4, 10, 128), expected"),
        (fortran, "(4, 10, 128, 128) in Fortran order, expected int16 (4, 10, 128, 128)"),
        (cut(-7), "found 1310841 bytes, expected 1310848 by its header"),
        (cut(60), "found no .npy header"),
        (cut(0), "found no .npy header"),
        (header(b"(4, 10,", b"(4, 10("), "found no .npy header"),
        (header(b"'<i2'", b"'(i2'"), "found no .npy header"),
        (header(b"'fortran_order'", b"[fortran_order "), "found no .npy header"),
        (pickled, "found object (2), expected int16"),
        (lambda f: image(f).write_bytes(pickle.dumps(7)), "found no .npy header"),
        (lambda f: image(f).unlink(), "cannot be read (No such file or directory)"),
        (lambda f: codes(f).unlink(), "cannot be read (No such file or directory)"),
        (stored(np.int64, path=codes, shape=(3, 128, 128)), "found int64 (3, 128, 128), expected"),
        (stored(np.uint8, path=codes, shape=(128, 128)), "found uint8 (128, 128), expected uint8 "
         "(3, 128, 128)"),
        (cut(-1, codes), "found 49279 bytes, expected 49280"),
        (high_class, "found class 20, expected 0 to 19"),
    ],
)  # fmt: skip
def test_files_that_are_wrong(folder, spoil, words):
    spoil(folder)
    (fault,) = faults(folder)
    name = next(name for name in ("DATA_S2/S2_10003", "ANNOTATIONS/TARGET_10003") if name in fault)
    assert fault.startswith(f"{name}.npy: ")
    assert words in fault


def test_classes_of_the_other_channels_are_not_ours(folder):
    found = target(1)
    found[1:] = 200
    np.save(codes(folder), found)
    assert len(check_pastis(folder).patches) == 3


def test_all_faults_at_once(folder):
    (folder / "ANNOTATIONS" / "TARGET_10000.npy").unlink()
    np.save(folder / "DATA_S2" / "S2_10000.npy", images(3, 0).astype(np.int32))
    cut(-9)(folder)
    np.save(folder / "DATA_S2" / "S2_10006.npy", images(6, 0))
    (folder / "NORM_S2_patch.json").write_text("{")
    features = read_metadata(folder)["features"]
    write_metadata(folder, [*features, features[1], feature(10009, fold=0, dates=[20180101])])
    found = faults(folder)
    names = (
        "metadata.geojson: patch 10009: found Fold",
        "metadata.geojson: found patch 10003 2 times",
        "NORM_S2_patch.json",
        "DATA_S2/S2_10000.npy: found int32",
        "ANNOTATIONS/TARGET_10000.npy",
        "DATA_S2/S2_10003.npy: found 1310839 bytes",
        "DATA_S2/S2_10006.npy: found int16 (6,",
        "DATA_S2/S2_10009.npy: cannot be read",
        "ANNOTATIONS/TARGET_10009.npy: cannot be read",
    )
    assert len(found) == len(names)
    for fault, name in zip(found, names, strict=True):
        assert fault.startswith(name)


def test_a_great_many_faults_are_counted(folder):
    features = [feature(number, fold=1, dates=[20180101]) for number in range(40)]
    write_metadata(folder, features)
    with pytest.raises(DataError, match="found 80 faults") as caught:
        check_pastis(folder)
    lines = str(caught.value).splitlines()
    assert len(lines) == 53
    assert lines[-2] == "  And 30 more."


def test_patches_that_nobody_lists_are_noted(folder):
    write_metadata(folder, read_metadata(folder)["features"][:2])
    (note,) = check_pastis(folder).notes
    assert "does not list DATA_S2/S2_10006.npy, ANNOTATIONS/TARGET_10006.npy; passed over" in note


def test_dates_out_of_order_are_noted(folder):
    backwards = json.dumps({"0": 20181004, "1": 20180929, "2": 20180924})
    change(folder, lambda properties: properties.update({"dates-S2": backwards}))
    found = check_pastis(folder)
    assert np.diff(found.patches[0].days).tolist() == [-5, -5]
    assert "dates of patch 10000 are not in order" in found.notes[0]
