"""One class for each kind of attachment."""
