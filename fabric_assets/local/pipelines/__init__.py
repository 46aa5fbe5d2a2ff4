"""Executes data pipelines: definition in, activities run in the order of their dependencies."""
