"""The errors of adding and reading sources.

SourceRefused              the words are for the person who added it
└── Taken                  somebody cancelled or deleted it, or another process has it: nothing is to be said
"""


class SourceRefused(Exception):
    pass


class Taken(SourceRefused):
    pass
