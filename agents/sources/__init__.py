"""Sources: adding, training, cancelling, deleting and restoring them.

adding.py     people's acts on sources, within the plan's limits
working.py    the job that reads a source and trains the agent on it
jobs.py       the queue of these jobs; the only module that uses its library
upkeep.py     the server's periodic work on sources
pairs.py      Q&A pairs: changing, restoring, importing from a CSV file
"""
