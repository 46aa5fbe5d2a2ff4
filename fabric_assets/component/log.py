"""What loading the component tells, each thing once: Dagster loads a code location more than once in a process."""

import logging


class Once(logging.Filter):
    """Lets each text pass once."""

    def __init__(self) -> None:
        super().__init__()
        self._told: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the text is new."""
        text = record.getMessage()
        is_new = text not in self._told
        self._told.add(text)
        return is_new


log = logging.getLogger("fabric_assets.component")
log.addFilter(Once())
