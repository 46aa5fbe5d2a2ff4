"""Sensors for what was started outside Dagster."""
