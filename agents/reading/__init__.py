"""Reading a reply's Markdown: as chat models mean it, into HTML for browsers.

    shield.shielded(text)   hides from the Markdown parser what it must not take for Markdown
    writer.write(events)    makes HTML of the parser's events
    live.LiveText           does both while the text is still coming, block by block

For a finished text use agents/markdown.py, which also sanitises the HTML.
"""
