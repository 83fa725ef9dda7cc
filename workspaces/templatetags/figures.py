"""The figures of workspaces/figures.py as template filters: {{ amount|credits }}, {{ number|counted:"agent" }}."""

from django import template

from workspaces import figures

register = template.Library()

register.filter("grouped", figures.grouped)
register.filter("counted", figures.count)
register.filter("credits", figures.credits)
register.filter("dollars", figures.dollars)
