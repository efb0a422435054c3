"""A stand-in for learning: clusters by the rules' names, a map of two features, in milliseconds. Never noise."""

from types import SimpleNamespace

import numpy as np

from vitscope.patterns import PATTERNS, Sample, name_cluster, name_matrices

STAGES = ("reading", "clustering")


def learn(sample: Sample, *, seed: int = 0, device: str = "cpu", progress=None) -> SimpleNamespace:
    codes, _ = name_matrices(sample.features)
    order = np.argsort(-np.bincount(codes, minlength=len(PATTERNS)), kind="stable")
    cluster = np.argsort(order)[codes].astype(np.int16)
    k = int(cluster.max()) + 1
    for stage in STAGES:
        for done in range(3):
            (progress or (lambda *step: None))(stage, done, 2)
    members = [np.flatnonzero(cluster == number) for number in range(k)]
    space = SimpleNamespace(
        cluster=cluster,
        xy=np.stack([sample.features[:, 0] + seed, sample.features[:, 10]], -1).astype(np.float32),
        codes=sample.features.astype(np.float16),
        medoids=np.array([own[0] for own in members]),
        silhouette=0.3,
        fair=0.2,
        stability=float("nan"),
        reconstruction=0.1,
        criterion="one cluster a name",
        plane="pca",
    )
    names = [name_cluster(sample.features[own]) for own in members]
    return SimpleNamespace(
        spaces={"autoencoder": space, "features": space},
        chosen="features",
        verdict="a stand-in: both are the same",
        names={"autoencoder": names, "features": names},
        prototypes=np.stack([sample.matrices[own].astype(np.float32).mean(0) for own in members]).astype(np.float16),
        pattern=codes.astype(np.int8),
        patterns=PATTERNS,
    )
