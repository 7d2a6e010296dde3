"""The whole recipe of the series detector, written down naively: loops and lists."""

import math

import numpy as np

import fastrcf

DAY = 86_400.0


def features(values, seconds=None, period=DAY, trailing=48):
    """Value, value less its slot's mean, mean and deviation of the last rows."""
    slots, everything, out = {}, [], []
    for i, x in enumerate(values):
        slot = None if seconds is None else int(seconds[i] % period // (period / 24))
        mean = {}
        for name, past, most in (("slot", slots.get(slot, []), 60), ("all", everything, 2000)):
            if past:
                value = past[0]
                for count, y in enumerate(past[1:], 2):
                    value += (y - value) / min(count, most)
                mean[name] = value
        base = mean.get("slot", mean.get("all", x)) if slot is not None else mean.get("all", x)
        last = values[max(0, i - trailing + 1) : i + 1]
        spread = np.std(last, ddof=1) if len(last) > 1 else 0.0
        out.append((x, x - base, np.mean(last), spread))
        slots.setdefault(slot, []).append(x)
        everything.append(x)
    return np.array(out)


def novelties(rows, n_trees, sample_size, decay, seed, warm_up):
    """Of rows that no tree holds already, from the row on from which a forest answers."""
    assert warm_up >= sample_size // 4
    rows = rows - np.array([rows[0, 0], 0.0, rows[0, 0], 0.0])
    found = []
    for kind in ("expected_inverse_depth", "displacement"):
        forest = fastrcf.RandomCutForest(n_trees, sample_size, time_decay=decay, random_state=seed)
        found.append(forest.process(rows, kind=kind))
    score, displacement = found
    mass = np.minimum(np.arange(len(rows)), sample_size)
    with np.errstate(invalid="ignore", divide="ignore"):
        q = score / math.log2(sample_size + 1) + 2 * displacement / mass
    q[:warm_up] = np.nan
    return q


def scores(novelty, episode=100, habituation=6000.0, kappa=0.5, exponent=0.45):
    """Episodes and habituation."""
    out, events = np.full(len(novelty), np.nan), []
    for row, q in enumerate(novelty):
        if math.isnan(q):
            continue
        inside = bool(events) and row - events[-1][0] <= episode
        if inside and q <= 1.15 * events[-1][1]:
            out[row] = 0.0
            continue
        earlier = events[:-1] if inside else events
        c = sum(math.exp(-(row - at) / habituation) for at, e in earlier if e >= 0.6 * q)
        out[row] = q / (1 + c / kappa) ** exponent
        if inside:
            events[-1] = (events[-1][0], q)
        else:
            events.append((row, q))
    return out
