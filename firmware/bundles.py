"""A RAUC bundle made of the image of a root file system: signed, and readable in part and in any order by dm-verity.

For whoever builds releases; a device and a site only read what this makes.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from firmware.errors import WorkFailed
from provisioning.updates import Version

_MANIFEST = """[update]
compatible={compatible}
version={version}

[bundle]
format=verity
"""
_IMAGE = "\n[image.{slots}]\nfilename={name}\n"


def make_bundle(
    image: Path, bundle: Path, *, version: Version, compatible: str, key: str, certificate: str,
    boot: Path | None = None,
) -> None:  # fmt: skip
    """`bundle`, a new file, with `image` for the slots of the class `rootfs`.

    Args:
        image: of a root file system; RAUC goes by the ending of its name, such as .ext4 or .img.
        bundle: where it goes; its name ends with .raucb.
        version: in its manifest, which devices hold against what the site offers.
        compatible: what a device's RAUC configuration must say, too.
        key: that signs, a PEM file or a PKCS#11 URL.
        certificate: of that key, the same; devices know its authority by their keyring.
        boot: image of what starts it, for the slots of the class `boot`, on machines that have them.

    Raises:
        WorkFailed: RAUC or the disk says no.
    """
    with tempfile.TemporaryDirectory(dir=bundle.parent, prefix=".bundle-") as folder:
        content = Path(folder) / "content"
        content.mkdir()
        manifest = _MANIFEST.format(compatible=compatible, version=version)
        for slots, file in (("rootfs", image), ("boot", boot)):
            if file is not None:
                shutil.copyfile(file, content / file.name)
                manifest += _IMAGE.format(slots=slots, name=file.name)
        (content / "manifest.raucm").write_text(manifest, "utf-8")
        command = ("rauc", "bundle", f"--cert={certificate}", f"--key={key}", str(content), str(bundle))
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
        except OSError as error:
            raise WorkFailed(f"rauc cannot be run ({error.strerror}). Install it.") from error
        if done.returncode != 0:
            said = done.stderr.strip().splitlines()
            raise WorkFailed(f"The bundle was not made. rauc says: {said[-1] if said else done.returncode}")
