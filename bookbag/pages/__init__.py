"""Pages that use several apps, and the help pages."""
