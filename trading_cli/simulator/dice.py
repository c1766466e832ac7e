"""Randomness that depends on what is asked, never on when or in which order."""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def digest(*key: object, size: int = 32) -> bytes:
    """Return *size* bytes that depend only on *key*."""
    text = "\x1f".join(str(part) for part in key)
    return hashlib.blake2b(text.encode(), digest_size=size).digest()


def number(*key: object) -> int:
    """Return a whole number below 2**64 that depends only on *key*."""
    return int.from_bytes(digest(*key, size=8), "big")


def chance(*key: object) -> float:
    """Return a number in [0, 1) that depends only on *key*."""
    return number(*key) / 2**64


def stream(*key: object) -> np.random.Generator:
    """Return a fresh generator whose whole sequence depends only on *key*."""
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest(*key, size=16), "big")))


def normal_cdf(x: NDArray[Any]) -> Floats:
    """Return Φ(x), elementwise, within 7.5e-8 (Abramowitz and Stegun 26.2.17)."""
    size = np.abs(x)
    t = 1.0 / (1.0 + 0.2316419 * size)
    poly = 1.330274429 * t
    for term in (-1.821255978, 1.781477937, -0.356563782, 0.319381530):
        poly += term
        poly *= t
    size *= size
    size *= -0.5
    poly *= np.exp(size, out=size)
    poly *= 0.3989422804014327
    out: Floats = np.where(x >= 0, 1.0 - poly, poly)
    return out
