"""Examples that end the help of each command; the tests read them as the program does."""

EXAMPLES = {
    "mask": """
        am4cm mask images/ clouds.tif
        am4cm mask images/ unusable.tif --target unusable --classes classes.tif
        am4cm mask tiles.csv masks/ --each --max-memory 4GB --threads 8
    """,
    "export": """
        am4cm export clouds.tif --binary cloudy.tif --threshold 40 --dilate 3
        am4cm export clouds.tif --table fields.csv --zones fields.gpkg
        am4cm export clouds.tif clouds.zarr --format zarr
    """,
    "composite": """
        am4cm composite images/ unusable.tif composite.tif
        am4cm composite images/ unusable.tif summer.tif --from 2018-06-01
        am4cm composite images/ clouds.tif b.tif --method best --around 2018-07-01
    """,
    "info": """
        am4cm info images/
        am4cm info clouds.tif --json
    """,
    "draw": """
        am4cm draw clouds.tif clouds.png --images images/
        am4cm draw clouds.tif clouds.png --images images/ --count 24
    """,
    "report": """
        am4cm report clouds.tif clouds.html --images images/
        am4cm report clouds.tif clouds.html --images images/ --reference scl/
    """,
    "explain": """
        am4cm explain images/ 501565 5629375 pixel.png
        am4cm explain images/ 3.02 51.11 pixel.png --lonlat
        am4cm explain images/ 12 40 --pixel --csv -
    """,
    "evaluate": """
        am4cm evaluate clouds.tif reference.tif --images images/ --plot curves.png
        am4cm evaluate clouds.tif --images images/
        am4cm evaluate clouds.tif scl/ --json scores.json
    """,
    "calibrate": """
        am4cm calibrate images/ reference.tif mine.safetensors
        am4cm calibrate images/ reference.tif mine.safetensors --omission 0.05
    """,
    "prepare": """
        am4cm prepare site prepared --fields fields.tif
        am4cm prepare images/ prepared --labels parcels.gpkg --classes-from crop
        am4cm prepare PASTIS prepared --pixels-per-patch 512
    """,
    "train": """
        am4cm train prepared mine.safetensors --report mine.html
        am4cm train prepared mine.safetensors --all-folds --epochs 20
        torchrun --nproc-per-node 2 -m am4cm_cli train prepared mine.safetensors
    """,
    "test": """
        am4cm test mine.safetensors prepared
        am4cm test mine.safetensors prepared --fold 3 --json
    """,
    "simulate": """
        am4cm simulate site --seed 7
        am4cm simulate PASTIS --layout pastis --patches 60
    """,
    "pastis": """
        am4cm download pastis PASTIS
    """,
    "config": """
        am4cm config
        am4cm config mask
    """,
    "doctor": """
        am4cm doctor
        am4cm doctor --json
    """,
}
"""By command."""


def epilog(command: str) -> str:
    """What stands below a command's options; empty for a command without examples."""
    lines = EXAMPLES.get(command, "").split("\n")
    shown = "\n".join(f"  {line.strip()}" for line in lines if line.strip())
    # Begins with an empty line, or the indentation would be taken for that of the whole.
    return f"\nExamples:\n{shown}" if shown else ""
