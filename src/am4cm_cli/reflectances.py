"""How rasters of am4cm hold reflectance: whole steps of 0.0001, as Sentinel-2's products do.

Half the size of floats, and finer than any sensor's noise.
"""

SCALE = 1e-4
DTYPE = "int16"
NODATA = -32768
LEAST, MOST = -9998, 32767
"""Reflectances of -0.9998 to 3.2767; what lies beyond is put there. -10000 and -9999 stand for no
observation in many files, see `rasters.reading`."""
