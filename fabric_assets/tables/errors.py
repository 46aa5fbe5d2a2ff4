"""What can go wrong with a table."""


class TableError(Exception):
    """A table cannot be found or read; the message names it and says what to do."""


class TableMissingError(TableError):
    """There is no Delta table at this place."""
