"""The error for what Fabric has and the local Fabric has not."""


class NotSupportedLocallyError(Exception):
    """Something that Fabric has and the local Fabric has not."""
