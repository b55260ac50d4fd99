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

TARGET_WORDS = {"cloud": "cloud", "unusable": "cloud or shadow"}
"""What they are called where a probability is shown."""

CLASS_NAMES = {CLEAR: "clear", THICK: "thick cloud", THIN: "thin cloud", SHADOW: "cloud shadow"}
"""Of a raster of classes."""

CLASS_COLOURS = {CLEAR: "#1a9850", THICK: "#ffffff", THIN: "#91bfdb", SHADOW: "#4d4d4d"}
"""To draw them in."""

MASKED = 1
"""In a binary mask, beside CLEAR and UNKNOWN."""
MASKED_NAMES = {CLEAR: "clear", MASKED: "masked"}
"""Of a binary mask."""
MASKED_COLOURS = {CLEAR: CLASS_COLOURS[CLEAR], MASKED: "#ffffff"}
"""To draw it in."""
