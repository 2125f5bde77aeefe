"""One session: its page, its address, what it saves."""
