"""`python -m firmware`: the same as `wardlens`, for a supervisor that knows only its own Python."""

from firmware.command import main

main()
