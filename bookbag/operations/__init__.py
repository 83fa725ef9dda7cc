"""What the people who run Bookbag see and do: health, logs, reports, their own pages, moving the database."""
