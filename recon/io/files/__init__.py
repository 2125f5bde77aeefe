"""Files written whole or not at all, and readers in a process of their own."""
