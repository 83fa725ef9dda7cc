from django import template

register = template.Library()


@register.filter
def opening(text: str, most: int) -> str:
    """The first `most` characters of `text`, the last of them … when there are more.

    Django's own filter for it first puts the accents of the whole text in order, which takes a step for each pair.
    """
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"
