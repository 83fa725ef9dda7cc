"""Reading the environment, typed and checked before anything starts."""
