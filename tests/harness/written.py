"""The day for which these tests were written, because the models they use really leave one after the other."""

import datetime as dt

WRITTEN_ON = dt.date(2026, 11, 26)
