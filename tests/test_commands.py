"""The command line as a user meets it: what it prints, where, and what it leaves behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.io import MemoryFile

from am4cm_cli import __version__
from am4cm_cli.app import main
from am4cm_cli.weights import save_weights
from cloudy import bright_weights, write_cloudy
from stacks import every_days, random_dn, write_image, write_stack


def process(*words, **options):
    """Run am4cm as a process of its own, where it matters that it is one."""
    words = [sys.executable, "-m", "am4cm_cli", *map(str, words)]
    return subprocess.run(words, capture_output=True, check=False, **options)


@pytest.fixture
def run(capfd, monkeypatch):
    """Run am4cm by its entry point, error boundary and all; torch is imported only once."""

    def run_main(*words, cwd=None):
        monkeypatch.setattr(sys, "argv", ["am4cm", *map(str, words)])
        if cwd:
            monkeypatch.chdir(cwd)
        capfd.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        printed = capfd.readouterr()
        code = stop.value.code or 0
        return subprocess.CompletedProcess(words, code, printed.out.encode(), printed.err.encode())

    return run_main


@pytest.fixture
def mask(run, site):
    def run_mask(out, *options, images=None, **how):
        weights = ("--weights", site / "bright.safetensors")
        return run("mask", images or site / "images", out, *weights, *options, **how)

    return run_mask


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A stack, weights, and a folder to work in; commands must leave the first two alone."""
    folder = tmp_path_factory.mktemp("site")
    write_cloudy(folder)
    save_weights(folder / "bright.safetensors", bright_weights())
    return folder


def assert_refused(result, folder, *words, left=()):
    """One clear line, exit code 1, and nothing left behind."""
    text = result.stderr.decode()
    assert result.returncode == 1, text
    assert result.stdout == b""
    assert text.startswith("error: ")
    assert len(text.splitlines()) == 1
    for word in words:
        assert word in text
    assert sorted(path.name for path in folder.iterdir()) == sorted(left)


def test_mask_writes_a_raster_and_one_line_to_standard_error(mask, tmp_path):
    result = mask(tmp_path / "out.tif")
    assert result.returncode == 0, result.stderr
    assert result.stdout == b""
    assert result.stderr.decode() == (
        f"Wrote {tmp_path / 'out.tif'}: 14 dates, 22% of what was observed is cloudy.\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["out.tif"]


def test_mask_writes_what_else_is_asked_for(mask, tmp_path):
    wanted = {"classes": "uint8", "reliability": "uint8", "attention": "float32"}
    options = [word for name in wanted for word in (f"--{name}", tmp_path / f"{name}.tif")]
    result = mask(tmp_path / "out.tif", "--target", "unusable", "--heads", "each", *options)
    assert result.returncode == 0, result.stderr
    assert "is cloudy or shadowed." in result.stderr.decode()
    for name, dtype in wanted.items():
        with rasterio.open(tmp_path / f"{name}.tif") as raster:
            assert raster.dtypes[0] == dtype
            assert raster.tags()["AM4CM_CONTENT"] == name
            assert raster.count == (28 if name == "attention" else 14)
            names = raster.descriptions
    assert names[:3] == (
        "2018-01-01 head 1",
        "2018-01-01 head 2",
        "2018-01-09 head 1",
    )
    assert "thick cloud" in (tmp_path / "classes.qml").read_text()


def test_nothing_beside_the_mask_is_written_over(mask, tmp_path):
    (tmp_path / "classes.qml").write_text("mine")
    result = mask(tmp_path / "out.tif", "--classes", tmp_path / "classes.tif")
    assert_refused(result, tmp_path, "classes.qml", "exists already", left=["classes.qml"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--heads", "each"), "has no use without --attention"),
        (("--classes", "-"), "only OUT may be standard output"),
    ],
)
def test_options_that_make_no_sense_are_refused(mask, tmp_path, options, words):
    result = mask(tmp_path / "out.tif", *options)
    assert result.returncode == 2
    assert words in " ".join(result.stderr.decode().replace("│", " ").split())
    assert not list(tmp_path.iterdir())


PICTURES = [
    (("mask", "in", "a.png"), "OUT"),
    (("mask", "in", "a.tif", "--classes", "b.PNG"), "--classes"),
    (("mask", "in", "a.tif", "--reliability", "b.vrt"), "--reliability"),
    (("mask", "in", "a.zarr", "--format", "zarr", "--attention", "b.jpg"), "--attention"),
    (("mask", "in", "a.tif", "--binary", "b.img"), "--binary"),
    (("export", "m.img", "a.png"), "OUT"),
    (("export", "m.img", "--binary", "a.png"), "--binary"),
    (("composite", "in", "m.img", "a.png"), "OUT"),
    (("composite", "in", "m.img", "a.zarr"), "OUT"),
    (("composite", "in", "m.img", "a", "--count", "b.png"), "--count"),
    (("composite", "in", "m.img", "a.TIFF", "--date", "b.png"), "--date"),
]


@pytest.mark.parametrize(("words", "named"), PICTURES, ids=str)
def test_a_raster_has_no_name_of_another_format(run, tmp_path, words, named):
    (tmp_path / "m.img").touch()
    result = run(*words, cwd=tmp_path)
    assert result.returncode == 2
    told = " ".join(result.stderr.decode().replace("│", " ").split())
    assert f"Invalid value for '{named}'" in told
    assert "expected a name that ends in .tif; for a picture: am4cm draw" in told
    assert [path.name for path in tmp_path.iterdir()] == ["m.img"]


def test_a_folder_is_no_name_for_classes(mask, tmp_path):
    result = mask(tmp_path / "out.tif", "--classes", tmp_path)
    assert_refused(result, tmp_path, "is a folder")


@pytest.mark.parametrize(
    ("name", "words"), [("notes.txt", "am4cm mask IMAGES MASK.tif"), (".", "is a folder")]
)
def test_what_is_no_mask_is_not_to_be_fetched_or_removed(run, tmp_path, name, words):
    (tmp_path / "notes.txt").write_text("clear")
    told = run("evaluate", name, "truth.tif", cwd=tmp_path)
    assert_refused(told, tmp_path, "expected a mask that am4cm wrote", words, left=["notes.txt"])
    assert "emove it" not in told.stderr.decode()


def test_classes_are_no_mask_to_draw(run, mask, site, tmp_path):
    assert mask(tmp_path / "out.tif", "--classes", tmp_path / "c.tif").returncode == 0
    left = [path.name for path in tmp_path.iterdir()]
    result = run("draw", tmp_path / "c.tif", tmp_path / "d.png", "--images", site / "images")
    assert_refused(result, tmp_path, "c.tif", "holds classes, not probabilities", left=left)


def test_a_dash_writes_the_raster_alone_to_standard_output(mask, site, tmp_path):
    assert mask(tmp_path / "out.tif").returncode == 0
    weights = ("--weights", site / "bright.safetensors")
    result = process("mask", site / "images", "-", *weights, cwd=tmp_path)
    assert result.returncode == 0
    assert result.stdout == (tmp_path / "out.tif").read_bytes()
    assert result.stderr.startswith(b"Wrote standard output: 14 dates, ")
    assert [path.name for path in tmp_path.iterdir()] == ["out.tif"]
    with MemoryFile(result.stdout) as file, file.open() as raster:
        assert raster.count == 14


def test_a_reader_that_goes_away_is_no_traceback(site):
    words = [sys.executable, "-m", "am4cm_cli", "mask", site / "images", "-"]
    words += ["--weights", site / "bright.safetensors"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        text = process.stderr.read().decode()
    assert process.returncode == 1
    assert "Traceback" not in text


def test_the_same_command_gives_the_same_bytes(mask, tmp_path):
    for name in "ab":
        assert mask(tmp_path / f"{name}.tif").returncode == 0
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()


def test_an_empty_folder(mask, tmp_path):
    (tmp_path / "in").mkdir()
    result = mask(tmp_path / "out.tif", images=tmp_path / "in")
    assert_refused(result, tmp_path, str(tmp_path / "in"), left=["in"])


def test_a_folder_that_is_not_there(mask, tmp_path):
    result = mask(tmp_path / "out.tif", images=tmp_path / "in")
    assert_refused(result, tmp_path, str(tmp_path / "in"))


def test_one_file_on_another_grid(mask, tmp_path):
    write_stack(tmp_path / "in", days=every_days(6))
    bands = random_dn((10, 8, 5))
    names = rasterio.open(tmp_path / "in" / "S2_L2A_20180101.tif").descriptions
    write_image(tmp_path / "in" / "S2_L2A_20180301.tif", bands, names=names)
    result = mask(tmp_path / "out.tif", images=tmp_path / "in")
    assert_refused(result, tmp_path, "S2_L2A_20180301.tif", "5 x 8", "5 x 7", left=["in"])


def test_no_date_in_a_name(mask, tmp_path):
    write_stack(tmp_path / "in", days=every_days(6))
    (tmp_path / "in" / "S2_L2A_20180106.tif").rename(tmp_path / "in" / "monday.tif")
    result = mask(tmp_path / "out.tif", images=tmp_path / "in")
    assert_refused(result, tmp_path, "monday.tif", "--dates", left=["in"])


def test_bands_without_names(mask, tmp_path):
    write_stack(tmp_path / "in", days=every_days(6), bands=[""] * 10)
    result = mask(tmp_path / "out.tif", images=tmp_path / "in")
    assert_refused(result, tmp_path, "S2_L2A_20180101.tif", "10", "--bands", left=["in"])


def test_unknown_bands(mask, tmp_path):
    result = mask(tmp_path / "out.tif", "--bands", "B02,B03,X9")
    assert_refused(result, tmp_path, "X9", "B02")


def test_a_truncated_image(mask, tmp_path):
    write_stack(tmp_path / "in", days=every_days(6), shape=(60, 50))
    path = tmp_path / "in" / "S2_L2A_20180111.tif"
    path.write_bytes(path.read_bytes()[:-9000])
    result = mask(tmp_path / "out.tif", images=tmp_path / "in")
    assert_refused(result, tmp_path, "S2_L2A_20180111.tif", left=["in"])


def test_a_file_that_is_no_image(mask, tmp_path):
    write_stack(tmp_path / "in", days=every_days(6))
    (tmp_path / "in" / "S2_L2A_20180301.tif").write_text("not an image")
    result = mask(tmp_path / "out.tif", images=tmp_path / "in")
    assert_refused(result, tmp_path, "S2_L2A_20180301.tif", left=["in"])


def test_an_output_that_exists_is_kept_unless_told(mask, tmp_path):
    (tmp_path / "out.tif").write_text("precious")
    result = mask(tmp_path / "out.tif")
    assert_refused(result, tmp_path, "out.tif", "--overwrite", left=["out.tif"])
    assert (tmp_path / "out.tif").read_text() == "precious"
    assert mask(tmp_path / "out.tif", "--overwrite").returncode == 0
    assert rasterio.open(tmp_path / "out.tif").count == 14


def test_a_failure_keeps_what_was_there(mask, tmp_path):
    (tmp_path / "out.tif").write_text("precious")
    (tmp_path / "in").mkdir()
    result = mask(tmp_path / "out.tif", "--overwrite", images=tmp_path / "in")
    assert_refused(result, tmp_path, left=["in", "out.tif"])
    assert (tmp_path / "out.tif").read_text() == "precious"


def test_weights_that_are_not_weights(run, site, tmp_path):
    (tmp_path / "w.safetensors").write_text("not weights")
    words = ("mask", site / "images", tmp_path / "out.tif")
    result = run(*words, "--weights", tmp_path / "w.safetensors")
    assert_refused(result, tmp_path, "w.safetensors", left=["w.safetensors"])


def test_too_few_dates(mask, tmp_path):
    write_stack(tmp_path / "in", days=every_days(4))
    result = mask(tmp_path / "out.tif", images=tmp_path / "in")
    assert_refused(result, tmp_path, "4 scenes", "at least 5", left=["in"])


def test_a_device_that_is_not_there(mask, tmp_path):
    result = mask(tmp_path / "out.tif", "--device", "cuda:99")
    assert_refused(result, tmp_path, "--device cuda:99", "cpu")


@pytest.mark.parametrize(
    "words",
    [
        ["mask"],
        ["mask", "in", "out.tif", "--metod", "logit"],
        ["mask", "in", "out.tif", "--method", "guess"],
        ["mask", "in", "out.tif", "--tile", "3"],
        ["mask", "in", "out.tif", "--bands", "B02,,B04"],
        ["mask", "in", "out.tif", "--weights", "none.safetensors"],
        ["masc", "in", "out.tif"],
        ["train", "data", "weights.txt"],
    ],
)
def test_wrong_usage_is_exit_code_2(run, words, tmp_path):
    result = run(*words, cwd=tmp_path)
    assert result.returncode == 2
    assert b"Traceback" not in result.stderr
    assert result.stdout == b""
    assert not list(tmp_path.iterdir())


def test_a_polite_kill_leaves_nothing(site, tmp_path):
    dn = random_dn((6, 10, 300, 200))
    write_stack(tmp_path / "in", days=every_days(6), dn=dn)
    out = tmp_path / "out"
    out.mkdir()
    words = [sys.executable, "-m", "am4cm_cli", "mask", tmp_path / "in", out / "mask.tif"]
    words += ["--weights", site / "bright.safetensors", "--tile", "16"]
    with subprocess.Popen(list(map(str, words)), stderr=subprocess.PIPE) as process:
        while process.poll() is None and not list(out.iterdir()):
            time.sleep(0.002)
        process.send_signal(signal.SIGTERM)
        said = process.stderr.read()
    assert process.returncode == 143
    # A window may be done by then; it is kept, as is said.
    begun = {path.parent for path in out.rglob("window-*.npz")}
    assert set(out.iterdir()) == begun
    assert (b"keeps what is done" in said) == bool(begun)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "module", ["typer.core", "numpy.linalg", "torch.nn.modules.linear", "rasterio.io"]
)
def test_a_signal_amid_the_imports_ends_it_at_once(site, tmp_path, number, module):
    words = [sys.executable, "-X", "importtime", "-m", "am4cm_cli", "mask"]
    words += [site / "images", tmp_path / "out.tif"]
    with subprocess.Popen(list(map(str, words)), stderr=subprocess.PIPE) as running:
        while module.encode() not in running.stderr.readline():
            assert running.poll() is None
        running.send_signal(number)
        text = running.stderr.read()
    assert running.returncode == -number
    assert b"Traceback" not in text
    assert not list(tmp_path.iterdir())


def test_help_does_not_wait_for_torch_or_rasterio():
    code = (
        "import sys\nfrom am4cm_cli.app import app\n"
        "heavy = {'torch', 'rasterio', 'numpy', 'scipy', 'matplotlib'} & set(sys.modules)\n"
        "print(sorted(heavy))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert result.stdout.decode().strip() == "[]"


def test_version_is_the_packages(run):
    assert run("--version").stdout.decode().strip() == f"am4cm {__version__}"


def test_prepare_train_info_and_mask(run, site, tmp_path):
    data, weights = tmp_path / "data", tmp_path / "w.safetensors"
    made = run("prepare", site, data, "--folds", 3, "--group-by", "block", "--block", 4)
    assert made.returncode == 0, made.stderr
    assert made.stdout == b""
    assert json.loads(run("info", data, "--json").stdout)["classes"] == ["maize", "meadow"]
    words = ("--epochs", 3, "--batch", 32, "--fold", 2)
    made = run("train", data, weights, *words)
    assert made.returncode == 0, made.stderr
    assert made.stdout == b""
    card = json.loads(run("info", weights, "--json").stdout)
    metrics = json.loads((tmp_path / "w.metrics.json").read_text())
    assert card["scores"] == metrics["scores"]
    assert card["training"]["epochs"] == 3
    made = run("mask", site, tmp_path / "out.tif", "--weights", weights)
    assert made.returncode == 0, made.stderr
    facts = json.loads(run("info", tmp_path / "out.tif", "--json").stdout)
    percent = rasterio.open(tmp_path / "out.tif").read()
    shares = [band["cloud_share"] for band in facts["bands"]]
    np.testing.assert_allclose(shares, (percent >= 50).mean(axis=(1, 2)))
    assert facts["weights"] == "w"


def test_info_of_a_stack_tells_what_was_understood(run, site):
    facts = json.loads(run("info", site / "images", "--json").stdout)
    assert len(facts["scenes"]) == 14
    assert facts["bands"][0] == "B02"
    table = run("info", site / "images").stdout.decode()
    assert "14 scenes" in table
    assert "2018-01-09" in table


def test_prepare_keeps_a_folder_that_is_not_its_own(run, site, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.txt").write_text("precious")
    result = run("prepare", site, tmp_path / "home", "--overwrite")
    assert_refused(result, tmp_path, "home", left=["home"])
    assert (tmp_path / "home" / "thesis.txt").read_text() == "precious"


def test_prepare_without_labels_leaves_nothing(run, site, tmp_path):
    result = run("prepare", site, tmp_path / "data", "--labels", "none.tif")
    assert_refused(result, tmp_path, "none.tif")


def test_train_without_data_leaves_nothing(run, tmp_path):
    result = run("train", tmp_path, tmp_path / "w.safetensors")
    assert_refused(result, tmp_path, "prepared.json")


def test_simulate_then_mask_with_the_default_weights(run, tmp_path):
    made = run("simulate", "site", "--size", 40, "--dates", 20, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    made = run("mask", "site", "out.tif", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    percent = rasterio.open(tmp_path / "out.tif").read()
    truth = rasterio.open(tmp_path / "site" / "truth.tif").read()
    thick, clear = percent[truth == 1], percent[truth == 0]
    assert (thick >= 50).mean() > 0.9
    assert (clear < 50).mean() > 0.9
    assert Path(tmp_path / "site" / "labels.tif").exists()


def test_gdal_may_warn_in_words_that_are_none(tmp_path):
    folder = tmp_path / "images"
    write_stack(folder, days=every_days(6, step=8))
    path = min(folder.iterdir())
    content = path.read_bytes()
    path.write_bytes(content.replace(b"GDALMetadata", b"\x80ALMetadata", 1))
    answer = subprocess.run(
        [sys.executable, "-m", "am4cm_cli", "info", folder], capture_output=True, text=True
    )
    assert answer.returncode == 1
    assert "UnicodeDecodeError" not in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no such names")
def test_an_image_whose_name_is_no_text(run, site, tmp_path):
    image = min((site / "images").iterdir())
    odd = tmp_path / os.fsdecode(b"S2_20180804_\xff.tif")
    odd.write_bytes(image.read_bytes())
    for words in (("info", odd), ("info", tmp_path), ("mask", tmp_path, "m.tif")):
        done = run(*words, cwd=tmp_path)
        assert done.returncode == 1
        told = done.stderr.decode()
        assert "Rename it: its name is no UTF-8." in told
        assert "Traceback" not in told
