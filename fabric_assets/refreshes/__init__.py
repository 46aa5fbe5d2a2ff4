"""What follows the notebooks: SQL endpoints brought up to date, semantic models refreshed."""
