"""One module a command of `livestem`, and what they share."""
