"""The embedded local Fabric: the service's HTTP API on loopback, with an engine that really runs notebooks."""
