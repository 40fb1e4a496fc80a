"""Figures of images and maps. Here alone matplotlib is imported."""

from legacy_gbp.figures.explained import explained_page, page_notices
from legacy_gbp.figures.pages import Pages
from legacy_gbp.figures.panel import draw_panel, save
from legacy_gbp.figures.sheet import contact_sheet
from legacy_gbp.figures.window import Window

__all__ = [
    "Pages",
    "Window",
    "contact_sheet",
    "draw_panel",
    "explained_page",
    "page_notices",
    "save",
]
