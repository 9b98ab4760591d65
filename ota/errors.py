"""The root of this package's errors; callers map them to a refusal, a row of `rejects`, a log line."""


class OtaError(Exception):
    """An update, an image or a stream payload that is refused; the message names the cause."""
