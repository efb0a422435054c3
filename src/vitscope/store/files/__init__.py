"""Files that survive a kill: written durably, checked, committed by renaming."""
