"""A stranger's text costs bounded time: every function that takes one, every pattern, and the server itself."""
