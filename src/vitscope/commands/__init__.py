"""What the commands do, one file each; `vitscope.cli` declares their names, options and help."""
