"""A reader of model files by docs/model-file.md alone, and what it finds in the golden ones."""

import struct
from pathlib import Path

import numpy as np
import pytest

import fastrcf

GOLDEN = Path(__file__).parent / "golden"


def notes(section):
    """Yield names and texts."""
    (n,), at = struct.unpack_from("<I", section), 4
    for _ in range(n):
        texts = []
        for _ in range(2):
            (length,) = struct.unpack_from("<I", section, at)
            texts.append(section[at + 4 : at + 4 + length].decode())
            at += 4 + length
        yield tuple(texts)
    assert at == len(section)


class Reader:
    """A reader of model files that follows docs/model-file.md and nothing else."""

    def __init__(self, data):
        magic, version, self.kind, length, n, zero = struct.unpack_from("<8sIIQII", data)
        assert (magic, version, zero) == (b"\x89RCF\r\n\x1a\n", 1, 0)
        assert length == len(data)
        self.sections, self.names = {}, []
        end = 32 + 24 * n
        for i in range(n):
            tag, zero, offset, length = struct.unpack_from("<4sIQQ", data, 32 + 24 * i)
            assert (zero, offset) == (0, end)
            # Of a detector's forests, the first.
            self.sections.setdefault(tag.decode(), data[offset : offset + length])
            self.names.append(tag.decode())
            end = offset + (length + 7) // 8 * 8
        assert end == len(data) - 8
        conf = struct.unpack_from("<6QIId", self.sections["CONF"])
        self.trees, self.sample, self.shingle, self.columns, _, self.seen, *_ = conf
        self.d = self.columns * self.shingle
        self.notes = dict(notes(self.sections["NOTE"]))
        self.points = np.frombuffer(self.sections["PNTS"], "<f4").reshape(-1, self.d)

    def leaves(self):
        """Yield, for each tree, its leaves as (point, copies, depth)."""
        counts = np.frombuffer(self.sections["TREE"], "<u4")
        width = number_width(self.d + 2)
        nodes = np.frombuffer(self.sections["NODE"], [("kind", f"<u{width}"), ("value", "<u4")])
        cuts = nodes["value"].copy().view("<f4")
        copies = iter(np.frombuffer(self.sections["COPY"], "<u4").tolist())
        at = 0
        for count in counts:
            leaves, due = [], [[]]
            for i in range(at, at + count):
                way = due.pop()
                kind, value = int(nodes["kind"][i]), int(nodes["value"][i])
                if kind < 2:
                    for dim, cut, right in way:
                        assert (self.points[value, dim] > cut) == right
                    leaves.append((value, next(copies) if kind == 1 else 1, len(way)))
                else:
                    split = (kind - 2, cuts[i])
                    due += [[*way, (*split, True)], [*way, (*split, False)]]
            assert not due or count == 0
            at += count
            yield leaves
        assert at == len(nodes)
        assert not list(copies)

    def held(self):
        """Yield, for each tree of a living forest, the leaf that each key stands for."""
        section, at = self.sections["PLCS"], 0
        rows = np.frombuffer(self.sections["SMPL"], "<u8").reshape(self.trees, 10)[:, 0]
        for leaves, n in zip(self.leaves(), rows.tolist(), strict=True):
            width = number_width(len(leaves))
            yield np.frombuffer(section, f"<u{width}", count=n, offset=at)
            at += n * width
        assert at == len(section)


def number_width(n):
    """Bytes of a number below n."""
    return 1 if n <= 255 else 2 if n <= 65_535 else 4


FORESTS = [
    path
    for path in sorted(GOLDEN.glob("*.rcf"))
    if not path.stem.startswith(("detector", "series"))
]


@pytest.mark.parametrize("path", FORESTS, ids=lambda path: path.stem)
def test_the_documentation_suffices_to_read_a_file(path):
    file = Reader(path.read_bytes())
    model = fastrcf.load(path)
    assert model.n_features == file.columns
    assert model.n_seen == file.seen
    assert dict(model.notes) == file.notes
    trees = list(file.leaves())
    assert len(trees) == file.trees
    for leaves in trees:
        assert sum(copies for _, copies, _ in leaves) <= file.sample
    if file.kind == 1:
        for leaves, held in zip(trees, file.held(), strict=True):
            copies = [copies for _, copies, _ in leaves]
            np.testing.assert_array_equal(np.bincount(held, minlength=len(leaves)), copies)
    # A point of a tree scores by its depth and copies alone.
    mass = [sum(copies for _, copies, _ in leaves) for leaves in trees]
    everywhere = set.intersection(*({point for point, _, _ in leaves} for leaves in trees))
    for point in list(everywhere)[:5]:
        score = 0.0
        for leaves, total in zip(trees, mass, strict=True):
            copies, depth = next((c, k) for p, c, k in leaves if p == point)
            value = (1 - copies / (2 * total)) / (depth + np.log2(copies + 1))
            score += value * np.log2(total + 1) / len(trees)
        weights = np.ones(file.columns)
        if struct.unpack_from("<I", file.sections["CONF"], 52)[0]:
            weights = np.frombuffer(file.sections["CONF"][64:], "<f8")
        row = file.points[point].astype(float) / np.tile(weights, file.shingle)
        np.testing.assert_allclose(model.score(row), score, rtol=2e-6)


def features(section):
    """Yield name, scaling, quantiles and transforms of a detector's columns."""
    at = 8

    def take(form):
        nonlocal at
        values = struct.unpack_from("<" + form, section, at)
        at += struct.calcsize("<" + form)
        return values

    def text():
        (length,) = take("I")
        return take(f"{length}s")[0].decode()

    while at < len(section):
        name, (scaling,), quantiles, (views,) = text(), take("I"), take("9d"), take("I")
        transforms = []
        for _ in range(views):
            (kind,) = take("I")
            if kind in (0, 1):
                center, scale = take("2d")

                def transform(x, log=kind == 1, center=center, scale=scale):
                    x = np.sign(x) * np.log1p(abs(x)) if log else x
                    return (x - center) / scale
            elif kind == 2:
                (n,) = take("I")
                knots, shares = take(f"{n}d"), take(f"{n}d")

                def transform(x, knots=knots, shares=shares):
                    return np.interp(x, knots, shares)
            else:
                total, n = take("QI")
                counts = {}
                for _ in range(n):
                    category = text()
                    counts[category] = take("Q")[0]

                def transform(x, total=total, counts=counts):
                    return np.log2((total + 1) / (counts.get(x, 0) + 0.5))

            transforms.append(transform)
        yield name, scaling, quantiles, transforms


def relations(section):
    """Yield the weights by column, usual sum and variation of a detector's relations."""
    (n,), at = struct.unpack_from("<I", section), 4
    for _ in range(n):
        usual, scale, terms = struct.unpack_from("<ddI", section, at)
        at += 20
        yield dict(struct.iter_unpack("<Id", section[at : at + 12 * terms])), usual, scale
        at += 12 * terms
    assert at == len(section)


@pytest.mark.parametrize("name", ["detector", "detector-pace"])
def test_the_documentation_suffices_to_read_a_detector(name):
    data = (GOLDEN / f"{name}-v1.rcf").read_bytes()
    file, detector = Reader(data), fastrcf.load(GOLDEN / f"{name}-v1.rcf")
    columns = list(features(file.sections["FEAT"]))
    views, n_columns = struct.unpack_from("<II", file.sections["FEAT"])
    assert (views, file.names.count("CONF"), n_columns) == (2, 2, len(columns))
    assert [len(transforms) for *_, transforms in columns] == [2, 1, 1, 1, 1]
    assert [name for name, *_ in columns] == detector.columns
    kind, tracks, rate, threshold, fitted, sampled, excess, n = struct.unpack_from(
        "<IIddQQdQ", file.sections["ALRT"]
    )
    assert (kind, tracks) == (0, 1)
    assert detector.score_kind == "auto"
    assert (rate, fitted) == (detector.alert_rate, detector.n_fitted)
    # A stream has moved the threshold since.
    total, unit, credit, now, rows, n_bins = struct.unpack_from("<4dQI", file.sections["BUDG"])
    assert now == detector.threshold
    assert total > unit >= 1
    assert abs(credit) <= 2
    assert rows * rate <= 0.2
    pace = file.sections["BUDG"][44 + 12 * n_bins :]
    bins = list(struct.iter_unpack("<Id", file.sections["BUDG"][44 : 44 + 12 * n_bins]))
    assert len(bins) == n_bins
    assert sum(weight for _, weight in bins) == pytest.approx(total)
    if name == "detector-pace":
        waited, *gaps = struct.unpack_from("<12Q", pace)
        latest = np.frombuffer(pace[96:352], "<f8")
        (oldest,) = struct.unpack("<I", pace[352:])
        # A hundred rows have come: those since the latest alert are the end of them.
        assert 0 <= waited < 100
        assert all(1 <= gap <= 10 / rate for gap in gaps)
        assert sum(gaps[:8]) <= 10 / rate
        assert oldest == 100 % 32
        assert np.isfinite(latest).all()
    else:
        # Written before a pace was kept.
        assert not pace
    assert sampled <= fitted
    assert excess > 0
    scores, log_shares = np.frombuffer(file.sections["ALRT"][56:], "<f8").reshape(2, n)
    assert threshold == pytest.approx(np.interp(-np.log(rate), -log_shares, scores))
    # Points are in the coordinates that the transforms give.
    median = [quantiles[4] for _, _, quantiles, _ in columns]
    first = [transforms[0] for *_, transforms in columns]
    row = [f(x) for f, x in zip(first[:4], median, strict=False)] + [first[4]("tcp")]
    points = file.points.astype(float)
    assert np.abs(points[:, :4] - row[:4]).min(axis=0).max() < 0.05
    assert np.isclose(points[:, 4], row[4], atol=1e-6).any()
    unseen = first[4]("none of them")
    assert unseen > points[:, 4].max()
    # The relation that the maker of the file put in: c0 - 2 c1 - c3 is 0.
    ((weights, usual, scale),) = relations(file.sections["RELA"])
    assert (weights, usual) == ({0: 1.0, 1: -2.0, 3: -1.0}, 0.0)
    assert (np.abs(points[:, 5]) < 1).mean() > 0.9
    (relation,) = detector.relations
    assert relation.text == "c0 - 2 c1 - c3"
    assert relation.weights == {"c0": 1.0, "c1": -2.0, "c3": -1.0}
    assert (relation.usual, relation.variation) == (usual, scale)


class Cursor:
    """The next values of a section."""

    def __init__(self, section):
        self.section, self.at = section, 0

    def take(self, form):
        values = struct.unpack_from("<" + form, self.section, self.at)
        self.at += struct.calcsize("<" + form)
        return values if len(values) > 1 else values[0]

    def text(self):
        n = self.take("I")
        self.at += n
        return self.section[self.at - n : self.at].decode()

    def done(self):
        assert self.at == len(self.section)


def series_parameters(section):
    names = "period trailing warm_up episode habituation kappa exponent threshold"
    found = dict(zip(names.split(), section.take("dQQQdddd"), strict=True))
    for name in ("period", "episode", "habituation"):
        found[name] = found[name] or None
    for name in ("time_column", "key_column"):
        is_named, text = section.take("I"), section.text()
        found[name] = text if is_named else None
    return found, [section.text() for _ in range(section.take("I"))]


def check_series(data):
    file, model = Reader(data), fastrcf.loads(data)
    assert file.kind == 4
    section = Cursor(file.sections["SERI"])
    parameters, columns = series_parameters(section)
    assert parameters.items() <= model._core.parameters().items()
    assert columns == model.columns
    assert file.columns == 4 * len(columns)
    seen, missing, repeated, backward = section.take("4Q")
    assert (seen, missing) == (model.n_seen, model.n_missing)
    assert (repeated, backward) == (model.n_repeated, model.n_backward)
    assert section.take("Id")[0] == 2
    section.done()
    context = Cursor(file.sections["CTXT"])
    for _ in columns:
        recent = [context.take("d") for _ in range(context.take("Q"))]
        assert len(recent) == min(parameters["trailing"], seen - missing)
        runs = [context.take("Idddd") for _ in range(3)]
        everything = runs[0]
        for count, mean, variance, least, greatest in runs:
            assert count == min(seen - missing, 2000)
            assert least <= mean <= greatest
            assert variance >= 0
        slots = [context.take("Idddd") for _ in range(context.take("Q"))]
        assert sum(count for count, *_ in slots) == seen - missing
    context.done()
    warm = Cursor(file.sections["WARM"])
    assert warm.take("Q") == 0
    frames = [warm.take("dd") for _ in columns]
    warm.done()
    # Points are features less the column's origin, in its unit.
    origin, unit = frames[-1]
    values = file.points[:, -4].astype(float) * unit + origin
    assert values.min() >= everything[3] - 1e-6
    assert values.max() <= everything[4] + 1e-6
    events = Cursor(file.sections["EVNT"])
    rows = [events.take("Qd") for _ in range(events.take("Q"))]
    events.done()
    assert rows == sorted(rows)
    assert all(row < seen and novelty > 0 for row, novelty in rows)
    return seen


def test_the_documentation_suffices_to_read_series():
    check_series((GOLDEN / "series-v1.rcf").read_bytes())


def test_the_documentation_suffices_to_read_a_set_of_series():
    data = (GOLDEN / "series-set-v1.rcf").read_bytes()
    model = fastrcf.loads(data)
    n = struct.unpack_from("<I", data, 24)[0]
    sections = {}
    for i in range(n):
        tag, _, offset, length = struct.unpack_from("<4sIQQ", data, 32 + 24 * i)
        sections[tag.decode()] = Cursor(data[offset : offset + length])
    assert list(sections) == ["SSET", "NOTE", "SKEY", "SALL"]
    own = sections["SSET"]
    trees, sample, decay, seed = own.take("QQdQ")
    parameters, columns = series_parameters(own)
    parameters |= {"n_trees": trees, "sample_size": sample, "time_decay": decay, "seed": seed}
    assert parameters.items() <= model._core.parameters().items()
    assert columns == model.columns
    assert own.take("3Q") == (3, model.n_seen, model.n_dropped)
    own.done()
    keys, at, last = sections["SKEY"], 0, []
    for _ in range(keys.take("Q")):
        assert keys.text() in model.series()
        number, length = keys.take("QQ")
        last.append(number)
        assert check_series(sections["SALL"].section[at : at + length]) > 0
        at += length
    keys.done()
    assert at == len(sections["SALL"].section)
    assert last == sorted(last)
