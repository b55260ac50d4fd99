"""Memory of a whole run, which must not follow the size of the raster."""

import subprocess
import sys

import numpy as np
import pytest

from am4cm_cli.weights import save_weights
from cloudy import bright_weights
from stacks import every_days, write_stack

# Not getrusage: its peak is inherited from the process that starts this one.
RUN = """
import sys
from am4cm_cli.app import main
sys.argv = ["am4cm", *sys.argv[1:]]
try:
    main()
finally:
    print(next(line.split()[1] for line in open("/proc/self/status") if "VmHWM" in line))
"""


def peak_megabytes(folder, shape, *options):
    """Mask a stack of this shape in a process of its own."""
    rng = np.random.default_rng(0)
    tile = rng.integers(300, 3000, (6, 10, 64, 64)).astype(np.uint16)
    dn = np.tile(tile, (1, 1, shape[0] // 64, shape[1] // 64))
    write_stack(folder / "in", days=every_days(6), dn=dn, tiled=True)
    words = ["mask", folder / "in", folder / "out.tif", "--weights", folder.parent / "w", *options]
    result = subprocess.run(
        [sys.executable, "-c", RUN, *map(str, words)], capture_output=True, check=True
    )
    return int(result.stdout) / 1024


@pytest.mark.long
def test_peak_memory_is_held_whatever_the_raster(tmp_path):
    save_weights(tmp_path / "w", bright_weights())
    small = peak_megabytes(tmp_path / "small", (64, 64))
    large = peak_megabytes(tmp_path / "large", (2560, 1280), "--max-memory", "200MB")
    # Held whole, the larger one's numbers would take 393 MB instead of 0.5.
    assert large < small + 200
