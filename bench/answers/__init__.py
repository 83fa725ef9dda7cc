"""How well agents find and answer: labelled questions about documents of our own, and what is made of them."""
