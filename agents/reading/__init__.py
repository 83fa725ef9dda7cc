"""Reading a reply's Markdown: as chat models mean it, into HTML for browsers.

    shield.shielded(text)   hides non-Markdown from the Markdown parser
    writer.write(events)    makes HTML of the parser's events
    live.LiveText           does both for a running reply, block by block

For a finished text use agents/markdown.py, which also sanitises the HTML.
"""
