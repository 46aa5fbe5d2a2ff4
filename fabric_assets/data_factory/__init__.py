"""Pipelines of Azure Data Factory as assets."""
