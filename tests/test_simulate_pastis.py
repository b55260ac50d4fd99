import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from multiprocessing import active_children
from threading import Thread

import numpy as np
import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.warp import transform
from typer.testing import CliRunner

from am4cm_cli.commands.simulate import simulate
from am4cm_cli.datasets.pastis.checking import check_pastis
from am4cm_cli.errors import OutputError
from am4cm_cli.simulation.pastis import PastisConfig, write_pastis
from am4cm_cli.simulation.pastis.calendars import passes_of, seen_from, sky_over
from am4cm_cli.simulation.pastis.crops import covers_of
from am4cm_cli.simulation.pastis.patches import (
    annotate,
    cut,
    digital_numbers,
    draw_land,
    simulate_patch,
)
from am4cm_cli.simulation.pastis.sites import sites_of
from am4cm_cli.simulation.pastis.statistics import statistics, sums_of
from am4cm_cli.simulation.pastis.tiles import TILES
from am4cm_cli.simulation.pastis.writing import make_patch
from am4cm_cli.simulation.scenes import satellite_of
from am4cm_cli.simulation.sky import SKIES

BLUE, RED, NIR = 0, 2, 6
CLEAR, THICK, THIN, SHADOW = range(4)
VOID = 19
ZONES = {"t30uxv": 32630, "t31tfj": 32631, "t31tfm": 32631, "t32ulu": 32632}
CONFIG = PastisConfig(patches=5, seed=7)
SMALL = PastisConfig(patches=5, seed=1, side=16)

app = typer.Typer()
app.command()(simulate)


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def pastis(tmp_path_factory):
    """Five patches of full size, made by two workers of the command."""
    out = tmp_path_factory.mktemp("simulated") / "PASTIS"
    result = run(out, "--layout", "pastis", "--patches", 5, "--seed", 7, "--workers", 2)
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert f"Wrote {out}: 5 patches" in result.stderr
    return out


@pytest.fixture(scope="module")
def features(pastis):
    return json.loads((pastis / "metadata.geojson").read_text())["features"]


@pytest.fixture(scope="module")
def small():
    """One patch of 16 x 16 pixels."""
    return simulate_patch(SMALL, sites_of(SMALL)[0])


def load(folder, name):
    return np.load(folder / name, allow_pickle=False)


def arrays(folder, number):
    """Names of all that is stored of a patch."""
    return (
        f"DATA_S2/S2_{number}.npy",
        f"ANNOTATIONS/TARGET_{number}.npy",
        f"ANNOTATIONS/ParcelIDs_{number}.npy",
        f"CLOUDS/CLOUDS_{number}.npy",
    )


def test_passes_the_check_that_prepare_makes(pastis):
    checked = check_pastis(pastis)
    assert len(checked.patches) == 5
    assert checked.notes == ()


def test_every_array_is_of_its_kind(pastis, features):
    for feature in features:
        number, dates = feature["properties"]["ID_PATCH"], feature["properties"]["dates-S2"]
        images, target, parcels, clouds = (load(pastis, name) for name in arrays(pastis, number))
        assert (images.dtype, images.shape) == (np.int16, (len(dates), 10, 128, 128))
        assert (target.dtype, target.shape) == (np.uint8, (3, 128, 128))
        assert (parcels.dtype, parcels.shape) == (np.int32, (128, 128))
        assert (clouds.dtype, clouds.shape) == (np.uint8, (len(dates), 128, 128))
        assert clouds.max() <= SHADOW
        assert target[0].max() <= VOID
    assert len(list(pastis.rglob("*.npy"))) == 4 * len(features)


def test_dates_are_whole_numbers_in_order(features):
    for feature in features:
        dates = feature["properties"]["dates-S2"]
        assert list(dates) == [str(place) for place in range(len(dates))]
        assert all(type(day) is int for day in dates.values())
        days = [datetime.strptime(str(day), "%Y%m%d") for day in dates.values()]
        assert all(early < late for early, late in pairwise(days))
        assert datetime(2018, 9, 1) <= days[0]
        assert days[-1] <= datetime(2019, 11, 30)
        assert 38 <= len(days) <= 61


def test_metadata_say_what_the_arrays_say(pastis, features):
    assert sorted(feature["properties"]["Fold"] for feature in features) == [1, 2, 3, 4, 5]
    assert features[0]["properties"]["ID_PATCH"] == 10000
    for feature in features:
        told = feature["properties"]
        parcels = load(pastis, f"ANNOTATIONS/ParcelIDs_{told['ID_PATCH']}.npy")
        assert told["N_Parcel"] == len(set(parcels.ravel().tolist()) - {0})
        assert told["Parcel_Cover"] == pytest.approx(np.count_nonzero(parcels) / 128**2)


def test_a_parcel_is_of_one_class_and_background_of_none(pastis, features):
    for feature in features:
        number = feature["properties"]["ID_PATCH"]
        parcels = load(pastis, f"ANNOTATIONS/ParcelIDs_{number}.npy")
        classes = load(pastis, f"ANNOTATIONS/TARGET_{number}.npy")[0]
        np.testing.assert_array_equal(classes == 0, parcels == 0)
        for parcel in np.unique(parcels[parcels > 0]):
            assert len(np.unique(classes[parcels == parcel])) == 1
        assert 10 < feature["properties"]["N_Parcel"] < 250


def test_footprints_are_squares_of_the_tile_seen_from_lambert_93(pastis, features):
    collection = json.loads((pastis / "metadata.geojson").read_text())
    assert collection["type"] == "FeatureCollection"
    assert collection["crs"]["properties"]["name"].endswith("EPSG::2154")
    for feature in features:
        tile = next(tile for tile in TILES if tile.name == feature["properties"]["TILE"])
        ((ring,),) = feature["geometry"]["coordinates"]
        assert ring[0] == ring[-1]
        across, along = (list(axis) for axis in zip(*ring, strict=True))
        east, north = transform("EPSG:2154", f"EPSG:{ZONES[tile.name]}", across, along)
        assert np.ptp(east) == pytest.approx(1280, abs=0.01)
        assert np.ptp(north) == pytest.approx(1280, abs=0.01)
        steps = np.abs(np.diff(np.array([east, north])))
        np.testing.assert_allclose(steps.min(axis=0), 0, atol=0.01)
        degrees = transform("EPSG:2154", "EPSG:4326", across, along)
        assert np.mean(degrees[0]) == pytest.approx(tile.longitude, abs=0.9)
        assert np.mean(degrees[1]) == pytest.approx(tile.latitude, abs=0.7)


def test_statistics_are_those_of_the_folds(pastis, features):
    stored = json.loads((pastis / "NORM_S2_patch.json").read_text())
    assert list(stored) == [f"Fold_{fold}" for fold in range(1, 6)]
    for feature in features:
        number, fold = feature["properties"]["ID_PATCH"], feature["properties"]["Fold"]
        images = load(pastis, f"DATA_S2/S2_{number}.npy").astype(np.float64)
        found = stored[f"Fold_{fold}"]
        np.testing.assert_allclose(found["mean"], images.mean(axis=(0, 2, 3)), rtol=1e-9)
        np.testing.assert_allclose(found["std"], images.std(axis=(0, 2, 3)), rtol=1e-9)


def test_statistics_of_a_fold_pool_its_patches():
    rng = np.random.default_rng(3)
    patches = [rng.integers(-9999, 32767, (t, 2, 3, 4), dtype=np.int16) for t in (1, 2, 3, 4, 5, 6)]
    found = statistics([2, 1, 3, 2, 4, 5], [sums_of(patch) for patch in patches])
    pooled = np.concatenate([patches[0], patches[3]]).astype(np.float64)
    np.testing.assert_allclose(found["Fold_2"]["mean"], pooled.mean(axis=(0, 2, 3)))
    np.testing.assert_allclose(found["Fold_2"]["std"], pooled.std(axis=(0, 2, 3)))


def test_clouds_look_as_the_truth_says(pastis, features):
    seen, truth = [], []
    for feature in features:
        number = feature["properties"]["ID_PATCH"]
        images = load(pastis, f"DATA_S2/S2_{number}.npy")[..., ::4, ::4]
        seen.append(images.transpose(1, 0, 2, 3).reshape(10, -1))
        truth.append(load(pastis, f"CLOUDS/CLOUDS_{number}.npy")[..., ::4, ::4].ravel())
    images, clouds = np.concatenate(seen, axis=1), np.concatenate(truth)
    middle = [np.median(images[:, clouds == kind], axis=1) for kind in range(4)]
    assert images.max() > 10_000
    assert middle[THICK][BLUE] > 2 * middle[THIN][BLUE] > 3 * middle[CLEAR][BLUE]
    assert middle[SHADOW][NIR] < 0.7 * middle[CLEAR][NIR]
    assert 0.5 < (clouds == CLEAR).mean() < 0.95


def test_one_process_writes_the_bytes_that_two_workers_write(pastis, features, tmp_path):
    site = sites_of(CONFIG)[3]
    for name in ("DATA_S2", "ANNOTATIONS", "CLOUDS"):
        (tmp_path / name).mkdir()
    made = make_patch(tmp_path, CONFIG, site)
    assert made.feature == features[3]
    for name in arrays(tmp_path, site.number):
        assert (tmp_path / name).read_bytes() == (pastis / name).read_bytes()


def test_the_seed_decides(small):
    first = small.images
    other = PastisConfig(patches=5, seed=2, side=16)
    patch = simulate_patch(other, sites_of(other)[0])
    shared = min(len(first), len(patch.images))
    assert (first[:shared] != patch.images[:shared]).mean() > 0.9


@settings(max_examples=12, deadline=None)
@given(patches=st.integers(5, 300), more=st.integers(0, 200), seed=st.integers(0, 2**31))
def test_sites_are_apart_and_more_patches_leave_the_first_alone(patches, more, seed):
    sites = sites_of(PastisConfig(patches=patches, seed=seed))
    assert len(sites) == patches
    numbers = [site.number for site in sites]
    assert numbers == sorted(set(numbers))
    assert numbers[0] == 10000
    assert len({(site.tile.name, site.west, site.north) for site in sites}) == patches
    for site in sites:
        assert 0 <= site.west - site.tile.west <= 109_800 - 1280
        assert 0 <= site.tile.north - site.north <= 109_800 - 1280
        assert (site.west - site.tile.west) % 1280 == 0
    for counts in (
        Counter(site.fold for site in sites),
        Counter(site.tile.name for site in sites),
    ):
        assert max(counts.values()) - min(counts.values()) <= 1
    assert set(sites) <= set(sites_of(PastisConfig(patches=patches + more, seed=seed)))


def test_numbers_have_gaps_and_tiles_hold_all_folds():
    sites = sites_of(PastisConfig(patches=400))
    assert {site.tile.name for site in sites} == set(ZONES)
    for tile in TILES:
        own = [site for site in sites if site.tile == tile]
        assert {site.fold for site in own} == {1, 2, 3, 4, 5}
        steps = np.diff([site.number for site in own])
        assert steps.min() == 1
        assert steps.max() > 1


@pytest.mark.parametrize("tile", TILES, ids=[tile.name for tile in TILES])
def test_patches_of_a_tile_share_its_calendar(tile):
    passes = passes_of(CONFIG, tile)
    times = [one.time for one in passes]
    assert 43 <= len(passes) <= 61
    assert all(10 <= time.hour <= 11 for time in times)
    for seed in range(20):
        own = [one.time for one in seen_from(np.random.default_rng(seed), passes)]
        assert len(passes) - 5 <= len(own) <= len(passes)
        assert own == sorted(set(own) & set(times))


def test_satellites_take_turns():
    tile = next(tile for tile in TILES if not tile.overlap)
    times = [one.time for one in passes_of(CONFIG, tile)]
    for early, late in pairwise(times):
        turns, rest = divmod((late.date() - early.date()) / timedelta(days=1), 5)
        assert rest == 0
        assert (satellite_of(early) == satellite_of(late)) == (turns % 2 == 0)


def test_skies_are_as_cloudy_as_their_date():
    rng = np.random.default_rng(2)
    one = max(passes_of(CONFIG, TILES[0]), key=lambda one: one.cloudy)
    counts = Counter(sky_over(rng, one) for _ in range(2000))
    assert counts["clear"] / 2000 == pytest.approx(1 - one.cloudy, abs=0.04)
    assert counts[one.sky] == max(counts[sky] for sky in SKIES)
    assert set(counts) <= {"clear", *SKIES}


@pytest.mark.parametrize("tile", ZONES)
def test_tiles_know_the_crops_of_pastis(tile):
    covers = covers_of(tile)
    assert covers[0].name == "Meadow"
    assert covers[7].name == "Grapevine"
    assert covers[17].name == "Sorghum"
    assert {"built", "water", "greenhouses", "bare ground"} <= {cover.name for cover in covers[18:]}


def test_all_crops_grow_somewhere():
    crops, found = set(range(1, 19)), set()
    config = PastisConfig(patches=40, side=64)
    for site in sites_of(config):
        land = draw_land(config.place(site.tile, site.number), site.tile.name)
        found |= set(np.unique(land.covers[np.unique(cut(land, margin=64).fields)]).tolist())
        if crops <= found:
            break
    assert crops <= found


def test_parcels_mostly_outside_are_void():
    # Field 1 is meadow, half inside; 2 corn, 3 of 7 pixels inside; 3 forest; 4 beet, all inside.
    fields = np.array(
        [
            [0, 1, 1, 2, 2, 2, 2],
            [1, 1, 1, 2, 2, 4, 3],
            [0, 1, 3, 2, 4, 4, 3],
            [0, 0, 3, 3, 3, 3, 3],
        ],
        np.int32,
    )
    covers = np.array([0, 1, 3, 19, 9], np.uint8)
    told = annotate(fields, covers, number=12, margin=1)
    assert told.classes.tolist() == [[1, 1, VOID, VOID, 9], [1, 0, VOID, 9, 9]]
    assert told.parcels.tolist() == [
        [120001, 120001, 120002, 120002, 120004],
        [120001, 0, 120002, 120004, 120004],
    ]


def test_land_goes_on_beyond_the_patch(small):
    site = sites_of(SMALL)[0]
    land = draw_land(SMALL.place(site.tile, site.number), site.tile.name)
    assert land.fields.shape == (16 + 128, 16 + 128)
    inner = land.fields[64:80, 64:80]
    np.testing.assert_array_equal(
        np.where(small.annotation.parcels, inner, 0) % 10_000, small.annotation.parcels % 10_000
    )


def test_numbers_stay_clear_of_theias_for_no_observation():
    reflectance = np.array([-2, -0.00123, 0, 0.04567, 1.5, 4], np.float32)
    assert digital_numbers(reflectance).tolist() == [-9999, -12, 0, 457, 15000, 32767]


def interrupt(sites):
    yield sites[0]
    raise KeyboardInterrupt


def test_an_interrupted_run_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write_pastis(tmp_path / "PASTIS", SMALL, track=interrupt)
    assert list(tmp_path.iterdir()) == []


def once_two_work(act):
    """A track that acts on the two workers as soon as there are two, in the midst of imports."""

    def wait_for_two():
        for _ in range(3000):
            if len(workers := active_children()) == 2:
                act(workers)
                return
            time.sleep(0.01)

    def track(sites):
        Thread(target=wait_for_two, daemon=True).start()
        return sites

    return track


TOLD_OF_TWO = """
import sys
import time
from multiprocessing import active_children
from pathlib import Path
from threading import Thread

from am4cm_cli.simulation.pastis import PastisConfig, write_pastis

def tell():
    while len(active_children()) < 2:
        time.sleep(0.01)
    print("two", flush=True)

def track(sites):
    Thread(target=tell, daemon=True).start()
    return sites

try:
    write_pastis(Path(sys.argv[1]), PastisConfig(patches=5), workers=2, track=track)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.long
def test_the_ctrl_c_of_a_terminal_leaves_nothing_and_no_worker_speaks(tmp_path):
    # A process group of its own, since that is what a terminal's Ctrl-C goes to.
    with subprocess.Popen(
        [sys.executable, "-c", TOLD_OF_TWO, tmp_path / "PASTIS"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout.readline() == "two\n"  # in the midst of their imports
        os.killpg(process.pid, signal.SIGINT)
        # All ends of its pipes are closed only when the workers are gone, too.
        assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 130
    assert list(tmp_path.iterdir()) == []


def test_a_killed_worker_is_told(tmp_path):
    def kill(workers):
        for worker in workers:
            worker.kill()

    with pytest.raises(OutputError, match="fewer --workers"):
        write_pastis(tmp_path / "PASTIS", SMALL, workers=2, track=once_two_work(kill))
    assert list(tmp_path.iterdir()) == []


def test_only_a_pastis_is_overwritten(pastis, tmp_path):
    def begin(sites):
        raise KeyboardInterrupt  # once all is found fit to be replaced

    out = tmp_path / "PASTIS"
    for path in pastis.iterdir():
        (out / path.name).mkdir(parents=True)
    with pytest.raises(OutputError, match="exists already"):
        write_pastis(out, SMALL)
    with pytest.raises(KeyboardInterrupt):
        write_pastis(out, SMALL, overwrite=True, track=begin)
    (out / "thesis.txt").touch()
    with pytest.raises(OutputError, match="not replaced"):
        write_pastis(out, SMALL, overwrite=True)


def test_wrong_use_is_refused_with_code_2(tmp_path):
    pastis = ("--layout", "pastis")
    wrong = [(*pastis, "--size", 32), (*pastis, "--dates", 9), (*pastis, "--clouds", 0.5)]
    wrong += [(*pastis, "--start", "2018-01-01"), (*pastis, "--patches", 4)]
    wrong += [("--patches", 9), ("--workers", 2), (*pastis, "--workers", 0)]
    for words in wrong:
        result = run(tmp_path / "out", *words)
        assert result.exit_code == 2, words
        assert words[-2] in result.stderr
    assert run(tmp_path / "out", "--layout", "sentinel").exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_too_few_patches_for_the_folds_are_refused():
    with pytest.raises(ValueError, match="patches 4"):
        PastisConfig(patches=4)
