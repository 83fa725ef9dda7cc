"""The errors of adding and reading sources.

SourceRefused              the words are for the person who added it
└── Taken                  it was cancelled or deleted, or another process has it; nobody need be told
"""


class SourceRefused(Exception):
    pass


class Taken(SourceRefused):
    pass
