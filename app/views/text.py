"""A few words that change: a state, a value under the pointer, what to do next."""

import param

from app.views.assets import asset
from app.views.component import Component


class Text(Component):
    """Plain text, never markup; its style is chosen by `css_classes`."""

    text = param.String("")
    tone = param.String("", doc='A class of the words, such as "warm".')

    _esm = """
export function render({model}) {
  const words = document.createElement("span")
  const show = () => {
    words.className = `words ${model.tone}`
    words.textContent = model.text
  }
  for (const name of ["text", "tone"]) model.on(name, show)
  show()
  return words
}
"""
    _stylesheets = [asset("text.css")]  # noqa: RUF012 - Panel declares it so

    def __init__(self, text="", **params):
        super().__init__(text=text, **({"margin": 0} | params))

    def say(self, text: str) -> None:
        """Show `text`."""
        if text != self.text:
            self.text = text
