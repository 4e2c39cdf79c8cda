"""The archive's tables through time, one file a step; :mod:`sync.receiver.archive.schema` runs them."""
