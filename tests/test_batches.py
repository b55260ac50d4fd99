"""Batches are the prepared series, from memory or from the files."""

import threading

import numpy as np
import pytest
import torch

from am4cm_cli.datasets.batches import (
    ResidentSeries,
    StreamedSeries,
    bytes_of,
    hold,
    split,
)
from am4cm_cli.datasets.pixels import NODATA
from am4cm_cli.days import day_of_year
from prepared_folds import LENGTHS, parts_of, write_folds

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_folds(folder, series=31, folds=4, empty=(2,))
    return parts_of(folder, 1, 2, 4)


@pytest.fixture(params=[ResidentSeries, StreamedSeries])
def data(request, parts):
    return request.param(parts, CPU)


def by_hand(parts):
    """Every series one by one: (T, B) stored, (T,) days, class."""
    for part in parts:
        ends = np.cumsum(part.lengths)
        for number, end in enumerate(ends):
            first = part.calendar_start[part.calendar[number]]
            length = part.lengths[number]
            days = part.days[first : first + length]
            yield part.reflectance[end - length : end], day_of_year(days), part.target[number]


def test_batches_hold_the_series_that_were_asked_for(data, parts):
    expected = list(by_hand(parts))
    assert len(data) == len(expected) == 31 * 2
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(data)))
    seen = []
    for batch in data.batches(order, size=9):
        assert batch.reflectance.shape[2] == 4
        for place, number in enumerate(batch.series.tolist()):
            stored, days, target = expected[number]
            length = len(stored)
            valid = stored[:, 0] != NODATA
            assert (batch.valid[place, :length].numpy() == valid).all()
            assert not batch.valid[place, length:].any()
            found = batch.reflectance[place, :length].numpy()
            np.testing.assert_allclose(found[valid], stored[valid] / 1e4, rtol=1e-6)
            assert (found[~valid] == 0).all()
            assert (batch.day_of_year[place, :length].numpy() == days).all()
            assert batch.target[place] == target
            seen.append(number)
    assert seen == order.tolist()
    assert {len(stored) for stored, _, _ in expected} == set(LENGTHS)


def test_streamed_batches_are_the_resident_ones_to_the_bit(parts):
    order = torch.arange(62).flip(0)
    pairs = zip(
        ResidentSeries(parts, CPU).batches(order, size=10),
        StreamedSeries(parts, CPU).batches(order, size=10),
        strict=True,
    )
    for resident, streamed in pairs:
        for ours, theirs in zip(resident, streamed, strict=True):
            assert ours.dtype == theirs.dtype
            assert torch.equal(ours, theirs)


def test_nothing_asked_for_is_no_batch(data):
    assert list(data.batches(torch.arange(0), size=5)) == []


def test_all_targets(data, parts):
    assert data.targets.tolist() == [int(target) for _, _, target in by_hand(parts)]


def test_series_stay_in_their_files_where_memory_is_short(parts):
    needed = bytes_of(parts)
    assert needed == sum(p.reflectance.nbytes for p in parts) + 62 * (2 + 8 + 4 + 8)
    assert isinstance(hold(parts, CPU, most=needed), ResidentSeries)
    assert isinstance(hold(parts, CPU, most=needed - 1), StreamedSeries)


@pytest.mark.parametrize("size", [1, 3, 62])
def test_a_thread_reads_for_another_device(parts, size):
    # No device but the CPU is sure to be there: this one keeps shapes alone.
    order = torch.arange(62).flip(0)
    pairs = zip(
        ResidentSeries(parts, CPU).batches(order, size=size),
        StreamedSeries(parts, torch.device("meta")).batches(order, size=size),
        strict=True,
    )
    for resident, streamed in pairs:
        for ours, theirs in zip(resident, streamed, strict=True):
            assert theirs.is_meta
            assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)


def test_a_stream_left_early_ends_its_thread(parts):
    before = threading.active_count()
    stream = StreamedSeries(parts, torch.device("meta")).batches(torch.arange(62), size=3)
    next(stream)
    assert threading.active_count() == before + 1
    stream.close()
    assert threading.active_count() == before


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_an_error_while_reading_ahead_is_told(parts, device):
    with pytest.raises(IndexError):
        list(StreamedSeries(parts, torch.device(device)).stream([torch.tensor([62])]))


@pytest.mark.parametrize(("series", "size"), [(1, 4), (7, 3), (100, 7), (9, 512)])
def test_parts_are_even(series, size):
    lengths = [len(part) for part in split(torch.arange(series), size=size)]
    assert sum(lengths) == series
    assert max(lengths) - min(lengths) <= 1
