"""Logging for every command: to stderr and, where the config says so, to a file that rotates."""

import logging
import logging.handlers

FORMAT = "%(asctime)s %(levelname)s %(message)s"


def configure_logging(log):
    """Set up the root logger from the `log:` section. To be called before a library can do it."""
    handlers = [logging.StreamHandler()]
    if log.file is not None:
        log.file.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(
            logging.handlers.RotatingFileHandler(
                log.file, maxBytes=int(log.rotate_mb * 1_000_000), backupCount=log.keep, encoding="utf-8"
            )
        )
    logging.basicConfig(level=log.level, format=FORMAT, handlers=handlers, force=True)
    for chatty in ("asyncio", "httpx", "httpcore", "multipart", "python_multipart"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.access").setLevel(logging.DEBUG if log.level == "DEBUG" else logging.WARNING)
