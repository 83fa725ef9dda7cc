"""The pages of agents, one module a page; `chat` holds the acts on the path of a reply."""
