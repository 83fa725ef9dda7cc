"""How a reply's Markdown is read: what models mean by it, and what a browser is given.

    shield.shielded(text)   hides from the Markdown parser what it must not take for Markdown
    writer.write(events)    makes HTML of the parser's events
    live.LiveText           does both while the text is still coming, block by block

The front door for a finished text is agents/markdown.py, which also sanitises.
"""
