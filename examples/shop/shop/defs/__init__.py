"""Components and definitions."""
