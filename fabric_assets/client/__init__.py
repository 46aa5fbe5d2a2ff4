"""The Fabric REST API: credentials, transport, models, errors. Knows neither Dagster nor job control."""
