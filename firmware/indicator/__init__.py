"""The light on the device's case: what is said to it (`facts`), what it shows (`lights`), and the two ends of the wire.

The camera service says a few facts about itself, twice a second (`telling`); the indicator service, which can read
nothing and ask nobody, turns them into colour and rhythm (`running`). docs/adr/0024-a-light-that-is-told.md.
"""
