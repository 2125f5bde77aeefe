"""What a process of the server shares: settings, logins, keys, its health."""
