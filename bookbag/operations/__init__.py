"""For the people who run Bookbag: health, logs, reports, their own pages, moving the database."""
