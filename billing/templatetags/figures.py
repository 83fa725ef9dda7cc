"""How numbers of credits are written: in groups of three, and with a real minus sign."""

from django import template

register = template.Library()


@register.filter
def grouped(number: int) -> str:
    """12000 as 12,000 and -5 as −5."""
    return f"{number:,}".replace("-", "\N{MINUS SIGN}")
