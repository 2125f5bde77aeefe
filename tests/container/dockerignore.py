"""What a .dockerignore keeps out of the build: the rules of Docker's reference."""

import re


def patterns(text: str) -> list[tuple[bool, re.Pattern]]:
    """(whether it ignores, expression) of each line; the last that matches a path decides."""
    found = []
    for line in text.splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        ignores = not line.startswith("!")
        found.append((ignores, _expression(line.lstrip("!").strip("/"))))
    return found


def ignored(path: str, rules: list[tuple[bool, re.Pattern]]) -> bool:
    """Whether `path`, relative to the checkout and with forward slashes, is left out."""
    result = False
    for ignores, expression in rules:
        if expression.fullmatch(path):
            result = ignores
    return result


def _expression(pattern: str) -> re.Pattern:
    """`*` and `?` stay within a folder, `**` does not; what lies in a matching folder matches."""
    parts = []
    for word in re.findall(r"\*\*/|\*\*|\*|\?|\[[^\]]*\]|[^*?\[]+", pattern):
        special = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
        parts.append(special.get(word) or (word if word[0] == "[" else re.escape(word)))
    return re.compile("".join(parts) + "(?:/.*)?", re.DOTALL)
