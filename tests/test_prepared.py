"""Prepared pixel series against the images they came from."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rasterio.errors import NotGeoreferencedWarning

from am4cm_cli.datasets.batches import ResidentSeries, batch_count
from am4cm_cli.datasets.labels import (
    block_groups,
    field_groups,
    read_groups,
    read_labels,
)
from am4cm_cli.datasets.pixels import NODATA, assign_folds, join, open_fold, read_index
from am4cm_cli.datasets.stacks import PrepareConfig, label_stack, prepare_stacks, select_pixels
from am4cm_cli.datasets.writer import GrowingArray
from am4cm_cli.errors import DataError
from am4cm_cli.stacks.discovery import find_stack
from cloudy import SHAPE, write_cloudy
from stacks import CORNER, every_days, write_image, write_stack


@pytest.fixture
def source(tmp_path):
    write_cloudy(tmp_path / "site")
    return tmp_path / "site"


def labelled(folder, config, labels="labels.tif", **how):
    return label_stack(find_stack(folder), folder / labels, config=config, **how)


def prepare(folder, out, **options):
    config = PrepareConfig(**({"folds": 2, "grouping": "block", "block": 4} | options))
    out.mkdir()
    return prepare_stacks([labelled(folder, config)], out, config)


def images(folder):
    """(Y, X, T, B) dn by rasterio alone."""
    layers = [rasterio.open(path).read() for path in sorted((folder / "images").glob("*.tif"))]
    return np.stack(layers).transpose(2, 3, 0, 1)


def test_series_are_the_pixels_of_the_images(source, tmp_path):
    index = prepare(source, tmp_path / "out")
    labels = rasterio.open(source / "labels.tif").read(1)
    expected = images(source)[labels > 0].reshape(-1, 14 * 10)
    found = join(open_fold(tmp_path / "out", fold) for fold in index.folds)
    series = found.reflectance.reshape(-1, 14 * 10)
    order, theirs = np.lexsort(series.T), np.lexsort(expected.T)
    assert (series[order] == expected[theirs]).all()
    assert (found.target[order] == labels[labels > 0][theirs] - 1).all()
    assert index.classes == ("maize", "meadow")
    assert sum(index.series) == (labels > 0).sum()
    assert (found.days == find_stack(source).days.tolist() * 2).all()


def test_group_and_pixel_lead_back_to_the_images(source, tmp_path):
    index = prepare(source, tmp_path / "out", block=5)
    found = join(open_fold(tmp_path / "out", fold) for fold in index.folds)
    row, column = np.divmod(found.pixel, SHAPE[1])
    assert found.pixel.dtype == np.int32
    assert (images(source)[row, column].reshape(-1, 10) == found.reflectance).all()
    groups = labelled(source, PrepareConfig(grouping="block", block=5)).groups
    assert (groups[row, column] == found.group).all()
    assert len(np.unique(found.pixel)) == len(found.pixel) == sum(index.series)
    assert sum(index.groups) == len(np.unique(found.group))
    assert index.groups[0] == len(np.unique(open_fold(tmp_path / "out", 1).group))


@pytest.mark.parametrize("per_group", [None, 2])
def test_every_pixel_has_a_series_or_is_counted(source, tmp_path, per_group):
    index = prepare(source, tmp_path / "out", per_group=per_group)
    labels = rasterio.open(source / "labels.tif").read(1)
    assert index.void == (labels == 0).sum()
    left_out = index.void + index.not_taken + index.unobserved
    assert sum(index.series) + left_out == labels.size
    assert (index.not_taken > 0) == (per_group is not None)


def test_groups_are_never_split_and_folds_are_alike(source, tmp_path):
    index = prepare(source, tmp_path / "out", folds=3)
    groups = [set(np.unique(open_fold(tmp_path / "out", fold).group)) for fold in index.folds]
    assert not groups[0] & groups[1]
    assert not groups[0] & groups[2]
    assert not groups[1] & groups[2]
    assert max(index.series) - min(index.series) <= 16  # one block of 4 x 4


def test_index_reads_back(source, tmp_path):
    written = prepare(source, tmp_path / "out")
    assert read_index(tmp_path / "out") == written


def test_per_group_takes_no_more_and_no_unlabelled(source):
    config = PrepareConfig(folds=2, per_group=7)
    item = labelled(source, config)
    (chosen,) = select_pixels([item], [1, 2], config)
    assert ((chosen.fold > 0) <= item.labels.labelled).all()
    _, counts = np.unique(chosen.group[chosen.fold > 0], return_counts=True)
    assert counts.tolist() == [7, 7]


def test_dates_and_pixels_not_observed(tmp_path):
    dn = np.full((6, 10, 3, 4), 800, np.uint16)
    dn[2, :, 0, 0] = 0  # one date of one pixel
    dn[:, :, 1, 1] = 0  # a pixel that no date shows
    write_stack(tmp_path / "a" / "images", days=every_days(6), dn=dn)
    write_image(tmp_path / "a" / "labels.tif", np.ones((1, 3, 4), np.uint8))
    index = prepare(tmp_path / "a", tmp_path / "out", block=1)
    assert index.unobserved == 1
    assert sum(index.series) == 11
    found = join(open_fold(tmp_path / "out", fold) for fold in index.folds)
    assert (found.reflectance == NODATA).sum() == 10
    assert ((found.reflectance == NODATA) | (found.reflectance == 800)).all()


def test_two_stacks_of_different_length(source, tmp_path):
    dn = np.full((6, 10, 3, 4), 800, np.uint16)
    write_stack(tmp_path / "b" / "images", days=every_days(6, start="2019-05-01"), dn=dn)
    write_image(tmp_path / "b" / "labels.tif", np.full((1, 3, 4), 5, np.uint8))
    config = PrepareConfig(folds=2, grouping="block", block=3)
    (tmp_path / "out").mkdir()
    both = [labelled(folder, config) for folder in (source, tmp_path / "b")]
    index = prepare_stacks(both, tmp_path / "out", config)
    assert index.classes == ("maize", "meadow", "5")
    series = join(open_fold(tmp_path / "out", fold) for fold in index.folds)
    data = ResidentSeries(series, torch.device("cpu"))
    short = torch.from_numpy(np.flatnonzero(series.target == 2))
    assert len(short) == 12
    batch = data.batch(torch.cat([short[:2], torch.tensor([0])]))
    assert batch.valid.sum(1).tolist() == [6, 6, 14]
    assert batch.day_of_year[0, :6].tolist() == [121, 126, 131, 136, 141, 146]  # 1 May is day 121
    assert (batch.reflectance[~batch.valid] == 0).all()
    torch.testing.assert_close(batch.reflectance[0, :6], torch.full((6, 10), 0.08))


def test_every_series_is_in_exactly_one_batch(source, tmp_path):
    index = prepare(source, tmp_path / "out")
    series = join(open_fold(tmp_path / "out", fold) for fold in index.folds)
    data = ResidentSeries(series, torch.device("cpu"))
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(1))
    targets = torch.cat([batch.target for batch in data.batches(order, size=50)])
    assert (targets.numpy() == series.target[order.numpy()]).all()


@given(series=st.integers(2, 500), size=st.integers(2, 60))
def test_batches_are_even_and_never_a_single_series(series, size):
    parts = torch.arange(series).tensor_split(batch_count(series, size=size))
    counts = {len(part) for part in parts}
    assert min(counts) >= 2
    assert max(counts) - min(counts) <= 1
    assert max(counts) <= max(size, 3)


@given(
    groups=arrays(np.int64, st.integers(1, 80), elements=st.integers(0, 9)),
    folds=st.integers(2, 5),
    seed=st.integers(0, 99),
)
def test_folds_keep_groups_whole(groups, folds, seed):
    found = assign_folds(groups, folds=folds, seed=seed)
    assert ((found >= 1) & (found <= folds)).all()
    for group in np.unique(groups):
        assert len(np.unique(found[groups == group])) == 1
    largest = np.unique(groups, return_counts=True)[1].max()
    loads = np.bincount(found, minlength=folds + 1)[1:]
    assert loads.max() - loads.min() <= largest


def test_fields_are_connected_pixels_of_one_class(tmp_path):
    codes = np.array([[1, 1, 0, 2], [0, 1, 0, 2], [3, 0, 1, 2]], np.uint8)
    write_stack(tmp_path / "images", shape=(3, 4))
    write_image(tmp_path / "labels.tif", codes[None])
    labels = read_labels(tmp_path / "labels.tif", find_stack(tmp_path).grid)
    fields = field_groups(labels)
    assert len(np.unique(fields[codes > 0])) == 4
    assert fields[0, 0] == fields[1, 1] != fields[2, 2]
    assert (fields[codes == 0] == 0).all()


@pytest.mark.parametrize("nodata", [None, -9])
def test_fields_of_a_raster_and_where_it_tells_none(tmp_path, nodata):
    none = nodata or 0
    codes = np.array([[1, 1, 0, 2], [1, 1, 0, 2], [3, 0, 1, 2]], np.uint8)
    numbers = np.array([[-5, 7, 7, none], [-5, 7, none, none], [none, none, none, 7]], np.int32)
    write_stack(tmp_path / "images", shape=(3, 4))
    write_image(tmp_path / "labels.tif", codes[None])
    fields = write_image(tmp_path / "fields.tif", numbers[None], nodata=nodata)
    grid = find_stack(tmp_path).grid
    groups = read_groups(fields, read_labels(tmp_path / "labels.tif", grid), grid)
    # Fields -5 and 7; then the labels 2, 3 and 1 that no field holds, each apart.
    assert groups[0, 0] == groups[1, 0]
    assert groups[0, 1] == groups[1, 1] == groups[2, 3]
    assert groups[0, 3] == groups[1, 3]
    apart = [groups[place] for place in ((0, 0), (0, 1), (0, 3), (2, 0), (2, 2))]
    assert len(set(apart)) == 5
    assert (groups[codes > 0] > 0).all()


def test_fields_of_two_stacks_never_share_a_group(source, tmp_path):
    write_cloudy(tmp_path / "b")
    for folder, numbers in ((source, (3, 8)), (tmp_path / "b", (-4, 2))):
        codes = rasterio.open(folder / "labels.tif").read().astype(np.int32)
        fields = np.select([codes == 1, codes == 2], numbers, 0).astype(np.int32)
        write_image(folder / "fields.tif", fields)
    config = PrepareConfig(folds=2)
    both = [
        labelled(folder, config, fields=folder / "fields.tif")
        for folder in (source, tmp_path / "b")
    ]
    chosen = select_pixels(both, [1, 2], config)
    groups = [set(np.unique(part.group[part.fold > 0])) for part in chosen]
    assert [len(group) for group in groups] == [2, 2]
    assert not groups[0] & groups[1]


def test_blocks_by_hand():
    assert block_groups((3, 5), side=2).tolist() == [
        [1, 1, 2, 2, 3],
        [1, 1, 2, 2, 3],
        [4, 4, 5, 5, 6],
    ]


def test_a_growing_array_is_an_npy(tmp_path):
    rows = np.arange(60, dtype=np.int16).reshape(-1, 3)
    array = GrowingArray(tmp_path / "a.npy", np.int16, (3,))
    for part in np.split(rows, [1, 1, 9]):
        array.append(part)
    array.close()
    found = np.load(tmp_path / "a.npy", mmap_mode="r")
    assert found.dtype == np.int16
    assert (found == rows).all()


def test_a_growing_array_goes_on_after_what_it_is_told_to_keep(tmp_path):
    rows = np.arange(60, dtype=np.int16).reshape(-1, 3)
    array = GrowingArray(tmp_path / "a.npy", np.int16, (3,))
    array.append(rows[:9])
    array.file.seek(0, 2)
    array.file.write(b"half a row, and the header still says none")
    array.file.close()
    array = GrowingArray(tmp_path / "a.npy", np.int16, (3,), length=7)
    array.append(rows[7:])
    array.close()
    np.save(tmp_path / "b.npy", rows)
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()


def test_rows_put_where_they_were_reserved_in_any_order(tmp_path):
    rows = np.arange(60, dtype=np.int16).reshape(-1, 3)
    array = GrowingArray(tmp_path / "a.npy", np.int16, (3,))
    places = [array.reserve(count) for count in (4, 0, 9, 7)]
    assert places == [0, 4, 4, 13]
    for first, last in ((13, 20), (6, 13), (4, 6), (0, 4)):
        array.put(first, rows[first:last])
    array.close()
    np.save(tmp_path / "b.npy", rows)
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()


def test_labels_on_another_grid(source, tmp_path):
    other = write_image(tmp_path / "other.tif", np.ones((1, 5, 5), np.uint8))
    with pytest.raises(DataError, match=r"other\.tif: lies on another grid"):
        read_labels(other, find_stack(source).grid)


def test_labels_in_another_crs(source, tmp_path):
    other = write_image(tmp_path / "o.tif", np.ones((1, *SHAPE), np.uint8), crs="EPSG:32632")
    with pytest.raises(DataError, match=r"o\.tif: lies on another grid.*EPSG:32632; .*EPSG:32631"):
        read_labels(other, find_stack(source).grid)


@pytest.mark.parametrize("transform", [None, CORNER])
def test_labels_and_images_without_a_crs(tmp_path, transform):
    place = {"crs": None, "transform": transform}
    write_quietly(write_stack, tmp_path / "images", **place)
    labels = write_quietly(
        write_image, tmp_path / "labels.tif", np.ones((1, 7, 5), np.uint8), **place
    )
    assert read_labels(labels, find_stack(tmp_path).grid).labelled.all()


def write_quietly(write, *words, **options):
    """Without rasterio's warning that nothing places the image."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return write(*words, **options)


def test_labels_of_floats(source, tmp_path):
    other = write_image(tmp_path / "other.tif", np.ones((1, *SHAPE), np.float32))
    with pytest.raises(DataError, match="float32 pixels, expected integer"):
        read_labels(other, find_stack(source).grid)


def test_labels_without_a_label(source):
    with pytest.raises(DataError, match="no labelled pixel"):
        read_labels(source / "labels.tif", find_stack(source).grid, unlabelled=[0, 1, 2])


def test_one_code_of_two_names(source, tmp_path):
    write_cloudy(tmp_path / "b")
    codes = rasterio.open(tmp_path / "b" / "labels.tif").read()
    write_image(tmp_path / "b" / "labels.tif", codes, tags={"CLASS_1": "beet"})
    config = PrepareConfig(folds=2)
    both = [labelled(folder, config) for folder in (source, tmp_path / "b")]
    with pytest.raises(DataError, match="code 1 is beet, but maize"):
        prepare_stacks(both, tmp_path, config)


def truncate(path: Path):
    path.write_bytes(path.read_bytes()[:-7])


def empty(path: Path):
    path.write_bytes(b"")


@pytest.mark.parametrize("spoil", [Path.unlink, truncate, empty])
def test_a_damaged_array_is_named(source, tmp_path, spoil):
    prepare(source, tmp_path / "out")
    spoil(tmp_path / "out" / "fold_2" / "reflectance.npy")
    with pytest.raises(DataError, match=r"fold_2/reflectance\.npy"):
        open_fold(tmp_path / "out", 2)


def change(name, edit):
    """Spoil one array of fold 1."""

    def spoil(folder):
        path = folder / "fold_1" / f"{name}.npy"
        np.save(path, edit(np.load(path)))

    return spoil


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (
            change("calendar_start", lambda a: np.array([0, 13])),
            "calendars up to .13., expected 14",
        ),
        (change("calendar_start", lambda a: np.array([0, 14, 14])), "a calendar without a day"),
        (change("calendar_start", lambda a: a[()] * 1.0), "calendar_start is 1-dimensional float"),
        (change("calendar_start", lambda a: np.array(14)), "calendar_start is 0-dimensional"),
        (change("days", lambda a: a[:-1]), "calendars up to .14., expected 13 days"),
        (change("target", lambda a: a + 99), "found target 99 to 100, expected 0 to 1"),
        (change("target", lambda a: a - 1), "found target -1 to 0, expected 0 to 1"),
        (change("target", lambda a: a[1:]), r"found .*'target': \d+.* series, expected \d+ as in"),
        (change("group", lambda a: a[1:]), r"found .*'group': \d+.* series, expected \d+ as in"),
        (change("pixel", lambda a: a[1:]), r"found .*'pixel': \d+.* series, expected \d+ as in"),
        (change("pixel", lambda a: a - 999), "found pixel -999, expected 0 or more"),
        (change("calendar", lambda a: a + 7), "found calendar 7 to 7, expected 0 to 0"),
        (change("reflectance", lambda a: a[:, :4]), r"reflectance of \(\d+, 4\), expected"),
        (change("reflectance", lambda a: a[:-1]), "expected .* from the calendars"),
        (change("reflectance", lambda a: a.ravel()), "reflectance is 1-dimensional"),
    ],
)
def test_arrays_that_do_not_belong_together_are_named(source, tmp_path, spoil, words):
    prepare(source, tmp_path / "out")
    spoil(tmp_path / "out")
    with pytest.raises(DataError, match=f"fold_1: .*{words}.*Prepare the data again"):
        open_fold(tmp_path / "out", 1)


def test_a_fold_that_there_is_not(source, tmp_path):
    prepare(source, tmp_path / "out")
    with pytest.raises(DataError, match=r"out: has no fold 3; choose one of \(1, 2\)"):
        open_fold(tmp_path / "out", 3)


def test_a_fold_without_series(source, tmp_path):
    index = prepare(source, tmp_path / "out", grouping="field", folds=3)
    assert index.series[2] == 0
    assert len(open_fold(tmp_path / "out", 3).target) == 0


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 2}'])
def test_a_damaged_index_is_named(tmp_path, text):
    (tmp_path / "prepared.json").write_text(text)
    with pytest.raises(DataError, match=r"prepared\.json"):
        read_index(tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("series", [None, 3], r"series is \[null, 3\], expected a list of whole numbers"),
        ("series", 7, "series is 7, expected a list"),
        ("series", [7], "found 1 counts of series for folds"),
        ("series", [7, -1], "no negative count"),
        ("folds", [1, 1], "found 2 counts of series for folds"),
        ("bands", ["x"] * 10, "found bands x, x"),
        ("bands", [], "bands is "),
        ("classes", "maize", 'classes is "maize", expected a list of text'),
        ("groups", [7], "found 1 counts of groups for folds"),
        ("groups", [7.5, 1], r"groups is \[7.5, 1\], expected a list of whole numbers"),
        ("groups", [7, -1], "found -1 among the counts"),
        ("void", -1, "found -1 among the counts"),
        ("not_taken", "7", 'not_taken is "7", expected a whole number'),
        ("unobserved", None, "unobserved is null, expected a whole number"),
        ("grouping", ["field"], "grouping is .*, expected text"),
    ],
)
def test_an_index_of_other_types_is_named(source, tmp_path, name, value, words):
    prepare(source, tmp_path / "out")
    path = tmp_path / "out" / "prepared.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))
    with pytest.raises(DataError, match=rf"prepared\.json: .*{words}"):
        read_index(tmp_path / "out")
