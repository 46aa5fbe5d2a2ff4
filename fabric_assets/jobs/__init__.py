"""Job control: start a job instance once, watch it to its end, cancel it. Knows the client, not Dagster."""
