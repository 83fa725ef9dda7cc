"""The pages that draw on several apps, and the help pages."""
