"""Stands in for pykms, which picamera2 imports at its start and uses for a preview window on a screen only.

The package index has another package under the name of kms; it is never installed.
"""


class _Named(type):
    """Every attribute is its own name."""

    def __getattr__(cls, name):
        return name


class PixelFormat(metaclass=_Named):
    """Names of pixel formats."""


class Card:
    """A graphics card, of which there is none."""

    def __init__(self, *_args):
        raise RuntimeError("there is no screen in the camera root")
