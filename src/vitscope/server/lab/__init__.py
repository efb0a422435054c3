"""The Lab over HTTP: jobs that prune, their stream of messages, and the runs that are kept."""
