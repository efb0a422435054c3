"""The API over heads against each other and over depth.

Knows nothing about: how heads are compared, models.
"""

from typing import Literal

import numpy as np
from fastapi import APIRouter, Request, Response

from vitscope.server import describe_heads
from vitscope.server.asking import FAILURES, UNCHANGED, TheRun, binary, computed_mode
from vitscope.server.columns import REVALIDATE, column, etag, not_modified, unchanged
from vitscope.server.names import DepthName
from vitscope.server.served import Served
from vitscope.server.wire import HeadsInfo, HeadTree

Variant = Literal["cls", "jensen-shannon", "full"]
Way = Literal["cls", "mean", "output"]

router = APIRouter(prefix="/api", responses=FAILURES)


@router.get("/heads")
def heads(served: TheRun, response: Response) -> HeadsInfo:
    """Which ways of comparing heads this run has, and why not the others."""
    response.headers["cache-control"] = REVALIDATE
    return describe_heads.heads_info(served.run)


@router.get("/heads/diversity/{variant}", response_class=Response, responses=binary())
def diversity(served: TheRun, request: Request, variant: Variant) -> Response:
    """How different the heads of each layer look at each image: float32 [image, layer]; NaN = not computed."""
    served.run.heads.require_diversity(variant)
    tag = _tag(served, "diversity", variant)
    if unchanged(request, tag):
        return not_modified(tag)
    made = served.kept(f"diversity/{variant}", _generation(served), lambda: served.run.heads.diversity(variant).values)
    return column(np.asarray(made, dtype=np.float32), tag)


@router.get("/heads/similarity/{by}", response_class=Response, responses=binary())
def similarity(served: TheRun, request: Request, by: Way) -> Response:
    """How alike any two heads are: float32 [flat head, flat head], over all images; NaN = not known."""
    served.run.heads.require_way(by)
    tag = _tag(served, "similarity", by)
    if unchanged(request, tag):
        return not_modified(tag)
    made = served.kept(f"similarity/{by}", _generation(served), lambda: served.run.heads.similarity(by).values)
    return column(made.astype(np.float32), tag)


@router.get("/heads/tree/{by}", responses=UNCHANGED, response_model=HeadTree)
def tree(served: TheRun, request: Request, response: Response, by: Way) -> HeadTree | Response:
    """The heads merged by that similarity, and a row in which like ones are neighbours."""
    served.run.heads.require_way(by)
    tag = _tag(served, "tree", by)
    if unchanged(request, tag):
        return not_modified(tag)
    response.headers.update({"etag": tag, "cache-control": REVALIDATE})
    return served.kept(f"tree/{by}", _generation(served), lambda: describe_heads.head_tree(served.run, by))


@router.get("/heads/depth/{metric}/{mode}", response_class=Response, responses=binary("x-n"))
def depth(served: TheRun, request: Request, metric: DepthName, mode: str) -> Response:
    """Cosine distance of pruned from intact tokens over depth, mean over `x-n` images: float32 [layer, head, observed].

    `observed` = layer after which it is measured, from the pruned one on; NaN before it, where there is no such token,
    and after the last block for tokens that the classifier does not read.
    """
    mode = computed_mode(served.run.manifest, mode)
    served.run.heads.require_depth()
    tag = _tag(served, "depth", metric, mode)
    if unchanged(request, tag):
        return not_modified(tag)
    data = served.kept("depth", _generation(served), lambda: served.run.repair)
    response = column(data[metric].sel(mode=mode).values.astype(np.float32), tag)
    response.headers["x-n"] = str(int(data["n"].sel(mode=mode)))
    return response


def _generation(served: Served) -> int:
    return served.run.progress().generation


def _tag(served: Served, *parts: object) -> str:
    return etag(served.run.manifest.run_id, _generation(served), "heads", *parts)
