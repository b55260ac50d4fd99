"""Prepared pixel series against the images they came from."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from am4cm_cli.datasets.batches import ResidentSeries, batch_count
from am4cm_cli.datasets.labels import block_groups, field_groups, read_labels
from am4cm_cli.datasets.pixels import NODATA, assign_folds, join, open_fold, read_index
from am4cm_cli.datasets.stacks import PrepareConfig, label_stack, prepare_stacks, select_pixels
from am4cm_cli.datasets.writer import GrowingArray
from am4cm_cli.errors import DataError
from am4cm_cli.stacks.discovery import find_stack
from cloudy import SHAPE, write_cloudy
from stacks import every_days, write_image, write_stack


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
    assert (targets == data.target[order]).all()


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


def test_labels_on_another_grid(source, tmp_path):
    other = write_image(tmp_path / "other.tif", np.ones((1, 5, 5), np.uint8))
    with pytest.raises(DataError, match=r"other\.tif: lies on another grid"):
        read_labels(other, find_stack(source).grid)


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


@pytest.mark.parametrize("spoil", [Path.unlink, truncate])
def test_a_damaged_array_is_named(source, tmp_path, spoil):
    prepare(source, tmp_path / "out")
    spoil(tmp_path / "out" / "fold_2" / "reflectance.npy")
    with pytest.raises(DataError, match=r"fold_2/reflectance\.npy"):
        open_fold(tmp_path / "out", 2)


def test_arrays_that_do_not_belong_together_are_named(source, tmp_path):
    prepare(source, tmp_path / "out")
    np.save(tmp_path / "out" / "fold_1" / "calendar_start.npy", np.array([0, 13]))
    with pytest.raises(DataError, match=r"expected .* from the calendars"):
        open_fold(tmp_path / "out", 1)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 99}', '{"format": 1}'])
def test_a_damaged_index_is_named(tmp_path, text):
    (tmp_path / "prepared.json").write_text(text)
    with pytest.raises(DataError, match=r"prepared\.json"):
        read_index(tmp_path)
