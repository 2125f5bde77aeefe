"""What is made only while it is shown, by topic; a contrast of a slot has its topic's name."""

from app.extras import Extra

EXTRAS: dict[str, Extra] = {}
