"""The root of the errors that the program raises on purpose, each with a message for people."""


class VoltkeeperError(Exception):
    """What could not be done and, where there is one, the remedy; the text is shown as it is."""
