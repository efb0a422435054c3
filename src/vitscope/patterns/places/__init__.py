"""Where attention falls: by key, by place relative to the query, and its variance."""
