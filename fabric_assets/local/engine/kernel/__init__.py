"""What runs inside a kernel process. Nothing of the server is imported here."""
