"""Microsoft Fabric notebooks as Dagster assets."""
