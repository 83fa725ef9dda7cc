"""The day that these tests were written for: the models they run really leave one after the other."""

import datetime as dt

WRITTEN_ON = dt.date(2026, 11, 26)
