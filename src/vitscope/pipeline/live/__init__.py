"""A loaded model that answers: about one image, about sets of heads, about new images."""
