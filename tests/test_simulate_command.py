import rasterio
import typer
from typer.testing import CliRunner

from am4cm_cli.commands.simulate import simulate
from am4cm_cli.errors import OutputError

app = typer.Typer()
app.command()(simulate)


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_writes_a_stack_and_says_so_on_standard_error(tmp_path):
    out = tmp_path / "stack"
    result = run(out, "--size", 24, "--dates", 3, "--seed", 5, "--start", "2020-09-01")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "3 dates of 24 x 24 pixels" in result.stderr
    assert str(out) in result.stderr
    images = sorted(path.name for path in (out / "images").iterdir())
    assert len(images) == 3
    assert all("20200901" <= name[7:15] < "20210901" for name in images)


def test_clouds_are_as_many_as_asked_for(tmp_path):
    assert run(tmp_path / "blue", "--size", 24, "--dates", 4, "--clouds", 0).exit_code == 0
    with rasterio.open(tmp_path / "blue" / "truth.tif") as truth:
        assert truth.read().max() == 0


def test_an_l1c_stack_has_thirteen_bands_and_brighter_air(tmp_path):
    small = ("--size", 24, "--dates", 4, "--clouds", 0)
    blue = {}
    for chain, level in (("l1c", "L1C"), ("theia", "L2A")):
        out = tmp_path / chain
        assert run(out, *small, "--chain", chain).exit_code == 0
        path = sorted((out / "images").glob(f"S2_{level}_*.tif"))[2]
        with rasterio.open(path) as image:
            assert image.count == (13 if chain == "l1c" else 10)
            assert image.tags()["PROCESSING_LEVEL"] == level
            blue[chain] = image.read(image.descriptions.index("B02") + 1).mean()
    assert blue["l1c"] > blue["theia"] + 200  # Rayleigh scattering


def test_an_existing_folder_needs_overwrite(tmp_path):
    small = ("--size", 16, "--dates", 1)
    assert run(tmp_path / "stack", *small).exit_code == 0
    refused = run(tmp_path / "stack", *small)
    assert isinstance(refused.exception, OutputError)
    assert run(tmp_path / "stack", *small, "--overwrite").exit_code == 0


def test_wrong_use_is_refused_with_code_2(tmp_path):
    wrong = [("--size", 2), ("--dates", 147), ("--clouds", 1.5), ("--seed", -1)]
    wrong += [("--start", day) for day in ("9999-06-01", "1979-12-31", "2101-01-01")]
    for option, value in wrong:
        result = run(tmp_path / "stack", option, value)
        assert result.exit_code == 2
        assert option in result.stderr
    assert list(tmp_path.iterdir()) == []
