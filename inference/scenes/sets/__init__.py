"""Annotated sets of pictures that the project draws: a name, a seed and a count give the same pictures every time.

`paper`, `codes` and `ward` are full of identifiers, and every letter, code and band of them has its exact mask;
`wounds` and `clean` hold none, so that whatever is covered in them is covered for nothing; `tones` shows each of its
scenes on ten skin tones. Nobody is in any of them.
This package draws, and :func:`write_set` puts a set into a folder that `wardlens evaluate` reads.
"""

from inference.scenes.sets.folder import FORMAT, FolderNotEmpty, write_set
from inference.scenes.sets.reading import code_texts
from inference.scenes.sets.recipes import SETS, draw_picture, draw_set
from inference.scenes.sets.values import Drawn, Mark, decoded

__all__ = [
    "FORMAT",
    "SETS",
    "Drawn",
    "FolderNotEmpty",
    "Mark",
    "code_texts",
    "decoded",
    "draw_picture",
    "draw_set",
    "write_set",
]
