"""What is written by hand around a patient: dates, initials, sites, times, measures."""

from __future__ import annotations

import numpy as np

from inference.scenes.values import Person

_SITES = ("L HEEL", "R HEEL", "SACRUM", "L SHIN", "R foot", "HIP R", "back")
_NOTES = ("change", "keep dry", "do not wet", "Nurse", "turn 2h", "NBM", "OP site")


def said(rng: np.random.Generator, person: Person) -> tuple[str, ...]:
    """One to three short lines."""
    date = f"{int(rng.integers(1, 29)):02d}{'/.'[int(rng.integers(2))]}{int(rng.integers(1, 13)):02d}"
    initials = "".join(part[0] for part in person.clinician.split())
    time = f"{int(rng.integers(0, 24)):02d}:{int(rng.integers(0, 60)):02d}"
    size = f"{int(rng.integers(1, 9))}x{int(rng.integers(1, 7))} cm"
    site, note = _SITES[int(rng.integers(len(_SITES)))], _NOTES[int(rng.integers(len(_NOTES)))]
    year = f"{date[:5]}{date[2]}{int(rng.integers(24, 27))}"
    choices = (
        (f"{date} {initials}",),
        (site, date),
        (year, f"{time} {initials}"),
        (f"{size}",),
        (person.name.split()[0].title(), date),
        (person.name.split()[-1], person.born[:4]),
        (f"{note}", f"{date} {time}"),
        (f"#{int(rng.integers(1, 5))} {size}", f"{date} {initials}"),
        (initials,),
    )
    return choices[int(rng.integers(len(choices)))]
