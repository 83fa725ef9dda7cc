"""The server: its processes and connections, what it does with a request before a page sees it, and when one fails."""
