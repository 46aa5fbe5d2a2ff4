"""Notebooks that speak: what a notebook says with dagster-pipes arrives in Dagster while it runs."""

from fabric_assets.pipes.settings import PipesFiles

__all__ = ["PipesFiles"]
