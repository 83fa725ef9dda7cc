"""The server: processes, connections, the handling of requests before views, and error pages."""
