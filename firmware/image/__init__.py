"""The system that an appliance starts: built from this repository and Debian's packages.

`make image` runs :mod:`firmware.image.__main__`. What is put into the system as it is lies in `root/`, by its place
there. Nothing here runs on a device.
"""
