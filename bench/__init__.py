"""Side-by-side measurements: `make bench` (docs/performance.md says what each figure means)."""
