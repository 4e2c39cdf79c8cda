"""The groups of the `wardlens` command, one file each. Each asks a room to do the work and prints what came of it."""
