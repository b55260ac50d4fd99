"""What a pixel of one date shows, as numbers in rasters and references."""

CLEAR = 0
THICK = 1
THIN = 2
SHADOW = 3
SNOW = 4
"""In references only; whether it counts as clear is not for a cloud mask to say."""
UNKNOWN = 255
"""Not observed, or not known."""

TARGETS = {"cloud": (THICK, THIN), "unusable": (THICK, THIN, SHADOW)}
"""What a probability may be of, by name: the classes that count as it."""
