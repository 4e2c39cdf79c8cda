"""The appliance: settings, the command line, and the one place that puts the rooms together.

Everything that starts a process, chooses an adapter or reads the environment is here. No other room imports this one,
and nothing here detects, seals, sends or decides about trust: it hands each room what it needs and gets out of the way.
"""
