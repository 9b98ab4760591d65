"""A colour that a V_RGB or V_RGBW payload is, as a small square beside its hex text."""

from markupsafe import Markup

from ingest.mysensors.value_types import parse_colour

# An attribute of SVG: the site's content security policy allows no inline style.
SWATCH = Markup(
    '<svg class="swatch" width="14" height="14" viewBox="0 0 14 14" aria-hidden="true">'
    '<rect x=".5" y=".5" width="13" height="13" rx="2" fill="{}" stroke="currentColor"/></svg> '
)


def swatch(type_name: str | None, text: object) -> Markup:
    """The square; nothing where the payload is no colour. White of V_RGBW stands in the text alone."""
    colour = parse_colour(type_name or "", text) if isinstance(text, str) else None
    return SWATCH.format(colour) if colour else Markup()
