"""`wardlens draw`: annotated pictures that the project draws, to measure the de-identification by."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from firmware.errors import RequestWrong
from firmware.terminal import out, progress

MOST: Final = 9999
"""Pictures of a set; their names count in four digits."""


def draw(
    name: Annotated[str, typer.Argument(metavar="SET", help="Which set: paper, codes, wounds, clean or ward.")],
    to: Annotated[Path, typer.Option("--out", help="A new or an empty folder for pictures, masks and annotations.")],
    count: Annotated[int, typer.Option(help=f"How many pictures, 1 to {MOST}.")] = 60,
    seed: Annotated[int, typer.Option(help="Another seed draws other pictures of the same kind.")] = 1,
) -> None:
    """Draw an annotated set of ward pictures: the same set, seed and count give the same pictures.

    **paper**: wristbands, badges, labels, screens, notices and handwriting. **codes**: barcodes of every clinical
    symbology. **wounds**: wounds of all stages on every skin tone. **clean**: nothing that identifies. **ward**: all of
    these. Nobody is in them; measure with `wardlens evaluate DIR`.

    Example: wardlens draw paper --out drawn/paper --count 60 --seed 7
    """
    from inference.scenes.sets import SETS, FolderNotEmpty, draw_set, write_set

    if name not in SETS:
        raise RequestWrong(f"There is no set {name}. Name one of: {', '.join(SETS)}.")
    if not 1 <= count <= MOST:
        raise RequestWrong(f"--count takes a number from 1 to {MOST}.")
    if seed < 0:
        raise RequestWrong("--seed takes a number from 0 on.")
    with progress(f"draw {name}", count) as advance:
        try:
            write_set(draw_set(name, count=count, seed=seed), to, source=f"drawn {name}, seed {seed}", progress=advance)
        except FolderNotEmpty as error:
            raise RequestWrong(str(error)) from None
    out.print(f"{count} pictures with their masks and annotations.json are in {to}.")


def scale(
    to: Annotated[Path, typer.Option("--out", help="The SVG file; a file of that name is replaced.")],
) -> None:
    """Draw the printed scale that the camera knows: laid beside a wound, it says how many pixels are a millimetre.

    Print it at 100 % on matt white and measure its ruler: 50 mm. The record of each picture then has the scale; the
    picture itself may show the card covered, as printed things are.

    Example: wardlens scale --out scale.svg
    """
    from capture.scale_marker import marker_svg

    try:
        to.write_text(marker_svg(), "utf-8")
    except OSError as error:
        raise RequestWrong(f"{to} cannot be written ({error.strerror}). Name another file.") from error
    out.print(f"{to} is the scale. Print it at 100 %; its ruler is 50 mm long.", markup=False)
