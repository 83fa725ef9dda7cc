"""Planting secrets, and searching for them in everything that the product writes, sends or stores."""
