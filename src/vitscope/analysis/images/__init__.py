"""The images of a run: laid out in the plane, and how focused the model is on each."""
