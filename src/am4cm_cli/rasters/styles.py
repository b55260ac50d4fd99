"""How QGIS is to draw a raster of classes."""

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from am4cm_cli.classes import CLASS_COLOURS, CLASS_NAMES, CLEAR


def class_style() -> str:
    """A QML style: named colours of the first band, clear ground see-through.

    QGIS loads it by itself where it lies beside the raster under the same name.
    """
    style = Element("qgis", version="3.22", styleCategories="Symbology")
    renderer = SubElement(
        SubElement(style, "pipe"), "rasterrenderer", type="paletted", band="1", opacity="1"
    )
    palette = SubElement(renderer, "colorPalette")
    for number, name in CLASS_NAMES.items():
        SubElement(
            palette,
            "paletteEntry",
            value=str(number),
            color=CLASS_COLOURS[number],
            alpha="0" if number == CLEAR else "255",
            label=name,
        )
    indent(style)
    return "<!DOCTYPE qgis>\n" + tostring(style, encoding="unicode") + "\n"
