"""A ring that is filled to a share, such as the charge of a battery. Pure."""

from math import pi

from markupsafe import Markup

BOX, RADIUS, STROKE = 100, 42, 10


def ring(share: float | None, state: str = "ok", size: int = 48) -> Markup:
    """The ring in the colour of a state, empty where the share is not known; a page puts text over it."""
    full = 2 * pi * RADIUS
    middle = BOX / 2
    drawn = f'<circle cx="{middle:g}" cy="{middle:g}" r="{RADIUS}"/>'
    if share is not None and share > 0:
        filled = min(1.0, share) * full
        drawn += (
            f'<circle class="v {state}" cx="{middle:g}" cy="{middle:g}" r="{RADIUS}" '
            f'stroke-dasharray="{filled:.1f} {full:.1f}"/>'
        )
    return Markup(
        '<svg class="ring" width="{0}" height="{0}" viewBox="0 0 {1} {1}" stroke-width="{2}" '
        'aria-hidden="true">'
    ).format(size, BOX, STROKE) + Markup(drawn + "</svg>")
