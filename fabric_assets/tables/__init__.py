"""Lakehouse tables: what their Delta logs tell, and checks of what is in them."""
