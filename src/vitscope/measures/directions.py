"""Vectors by their directions.

Unchecked cores. Knows nothing about: what the vectors are.
"""

from array_api_compat import array_namespace
from jaxtyping import Float

from vitscope.measures.arrays import Array, quiet


@quiet
def unit(vectors: Float[Array, "*batch channel"]) -> Float[Array, "*batch channel"]:
    """Vectors of length 1 along the last axis; NaN for the vector 0, which has no direction."""
    return vectors / array_namespace(vectors).linalg.vector_norm(vectors, axis=-1, keepdims=True)
