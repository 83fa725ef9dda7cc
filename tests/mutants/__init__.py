"""Small faults put into the code one at a time, to see that the tests find each: `make mutants`."""
