"""Attention masks for cloud masking.

Shapes: T dates, B bands, Y rows, X columns, P pixels, H heads, K classes, D channels.
"""

__version__ = "0.1.0"
