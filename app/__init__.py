"""The Panel application and the command line."""
