"""What the environment says, typed and checked before anything starts."""
