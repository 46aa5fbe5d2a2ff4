"""Notebooks that speak: what a notebook says with dagster-pipes arrives in Dagster while it runs."""
