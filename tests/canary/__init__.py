"""Planted secrets, and looking for them in everything that the product writes, sends or keeps."""
