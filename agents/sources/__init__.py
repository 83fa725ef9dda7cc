"""Sources: adding, training, cancelling, deleting and restoring them.

adding.py     what people do with them, within the plan's limits
working.py    the job that reads a source and trains the agent on it
jobs.py       how such a job gets to a worker process; the only module that knows the library for it
upkeep.py     what a server does about them from time to time
pairs.py      Q&A pairs: changed, brought back, imported from a CSV file
"""
