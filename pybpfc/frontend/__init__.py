"""From Python source to the typed tree and on to IR."""
