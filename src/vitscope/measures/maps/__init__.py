"""Maps of one image through the layers, of attention and of a class, and how faithful they are."""
