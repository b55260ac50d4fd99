"""How rasters are to be drawn: styles for QGIS, and colours that go into single bands."""

from collections.abc import Mapping
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from am4cm_cli.classes import CLASS_COLOURS, CLASS_NAMES, CLEAR, MASKED_COLOURS, MASKED_NAMES

RAMP = {0: ("#ffffb2", 0), 25: ("#fecc5c", 90), 50: ("#fd8d3c", 180), 100: ("#bd0026", 230)}
"""Of probabilities in percent: colour, and opacity of 255."""

COLOURS = {"classes": CLASS_COLOURS, "binary mask": MASKED_COLOURS}
"""By content."""


def class_style() -> str:
    """A QML style: named colours of the first band, clear ground see-through.

    QGIS loads it by itself where it lies beside the raster under the same name.
    """
    return _palette_style(CLASS_NAMES, CLASS_COLOURS)


def binary_style() -> str:
    """The same for a binary mask."""
    return _palette_style(MASKED_NAMES, MASKED_COLOURS)


def probability_style(full: float) -> str:
    """A QML style: the first band in a ramp over its images, see-through where it is clear.

    Args:
        full: the number that stands for a probability of 1.
    """
    style, renderer = _style(type="singlebandpseudocolor")
    shader = SubElement(
        SubElement(renderer, "rastershader"),
        "colorrampshader",
        colorRampType="INTERPOLATED",
        classificationMode="1",
        clip="0",
        minimumValue="0",
        maximumValue=f"{full:g}",
    )
    for percent, (colour, alpha) in RAMP.items():
        SubElement(
            shader,
            "item",
            value=f"{percent / 100 * full:g}",
            label=f"{percent} %",
            color=colour,
            alpha=str(alpha),
        )
    return _text(style)


def colour_table(content: str) -> Mapping[int, tuple[int, int, int]] | None:
    """Red, green and blue by number for a band of this content; None where it has no classes."""
    colours = COLOURS.get(content)
    if colours is None:
        return None
    return {number: _rgb(colour) for number, colour in colours.items()}


def _palette_style(names: Mapping[int, str], colours: Mapping[int, str]) -> str:
    style, renderer = _style(type="paletted")
    palette = SubElement(renderer, "colorPalette")
    for number, name in names.items():
        SubElement(
            palette,
            "paletteEntry",
            value=str(number),
            color=colours[number],
            alpha="0" if number == CLEAR else "255",
            label=name,
        )
    return _text(style)


def _style(**renderer: str) -> tuple[Element, Element]:
    style = Element("qgis", version="3.22", styleCategories="Symbology")
    pipe = SubElement(style, "pipe")
    return style, SubElement(pipe, "rasterrenderer", {**renderer, "band": "1", "opacity": "1"})


def _text(style: Element) -> str:
    indent(style)
    return "<!DOCTYPE qgis>\n" + tostring(style, encoding="unicode") + "\n"


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue
