"""The methods as loops over images and classes, in plain Python."""

import math


def softmax(logits):
    top = max(logits)
    exps = [math.exp(z - top) for z in logits]
    return [e / sum(exps) for e in exps]


def cross_entropy(logits, target):
    """H(target, softmax(logits)); ``target`` is a class or a distribution."""
    top = max(logits)
    lse = top + math.log(sum(math.exp(z - top) for z in logits))
    if isinstance(target, int):
        return lse - logits[target]
    return sum(p * (lse - z) for p, z in zip(target, logits, strict=True))


def argmax(values):
    return max(range(len(values)), key=lambda c: values[c])


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def sharpened(probs, temperature):
    powers = [p ** (1 / temperature) for p in probs]
    return [p / sum(powers) for p in powers]


def kl(p, logits):
    """KL(p || softmax(logits))."""
    q = softmax(logits)
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a > 0)


def squared(p, q):
    """Mean over the classes."""
    return mean((a - b) ** 2 for a, b in zip(p, q, strict=True))


def supervised(logits, labels):
    return mean(cross_entropy(z, y) for z, y in zip(logits, labels, strict=True))


def fixmatch(weak, strong, tau):
    """The unlabelled part; ``tau`` a number or one a class."""
    terms = []
    for w, s in zip(weak, strong, strict=True):
        q = softmax(w)
        c = argmax(q)
        limit = tau[c] if isinstance(tau, list) else tau
        terms.append(cross_entropy(s, c) if q[c] >= limit else 0.0)
    return mean(terms)


def uda(weak, strong, tau, temperature):
    terms = []
    for w, s in zip(weak, strong, strict=True):
        if max(softmax(w)) < tau:
            terms.append(0.0)
        else:
            terms.append(kl(softmax([z / temperature for z in w]), s))
    return mean(terms)


def squared_consistency(first, second):
    """Two lists of logits."""
    return mean(squared(softmax(a), softmax(b)) for a, b in zip(first, second, strict=True))


def guesses(views, temperature):
    """Labels guessed by MixMatch from logits of several views, and the mean predictions."""
    means = []
    for logits in zip(*views, strict=True):
        probs = [softmax(z) for z in logits]
        means.append([mean(p[c] for p in probs) for c in range(len(probs[0]))])
    return [sharpened(p, temperature) for p in means], means


def decoupled(logits, mixed_in, keep):
    """softplus(o - z_keep), o over the classes that are not mixed in."""
    others = [z for c, z in enumerate(logits) if c not in mixed_in]
    top = max(others)
    o = top + math.log(sum(math.exp(z - top) for z in others))
    return math.log1p(math.exp(o - logits[keep]))


def stream_mix(logits, known, pseudo, lam, confidence, eta, threshold, mix_threshold, keep):
    """The mixed loss: ``lam`` is the share of the labelled image; ``keep`` names whose decoupled
    terms stay."""
    terms = []
    for z, a, b, share, sure in zip(logits, known, pseudo, lam, confidence, strict=True):
        if sure < min(threshold, max(mix_threshold, 1 - share)):
            terms.append(0.0)
            continue
        loss = share * cross_entropy(z, a) + (1 - share) * cross_entropy(z, b)
        if a != b:
            kept = {"labelled": [a], "unlabelled": [b], "both": [a, b], "none": []}[keep]
            loss += eta * sum(decoupled(z, (a, b), c) for c in kept)
        terms.append(loss)
    return mean(terms)
