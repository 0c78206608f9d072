"""One file per verb of the command; each is imported only when its verb is typed."""
