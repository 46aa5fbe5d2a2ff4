"""Runs notebooks for real: source in, kernel, executed notebook out."""
