import datetime
import decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import fs

import fastrcf
from fastrcf_spark import Watch, _parquet_files, score
from fastrcf_spark.parquet import score_parquet, spread
from tests.spark.frames import arrow, by_id

INPUTS = ["amount", "speed", "items"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, table):
    """Three files, one of them in a folder of its own with an odd name."""
    folder = tmp_path_factory.mktemp("payments")
    (folder / "more ü%").mkdir()
    pq.write_table(table.slice(0, 1000), folder / "a.parquet", row_group_size=300)
    pq.write_table(table.slice(1000, 500), folder / "b.parquet")
    pq.write_table(table.slice(1500), folder / "more ü%" / "c.parquet", row_group_size=700)
    (folder / "_SUCCESS").touch()
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "x.parquet").write_bytes(b"no Parquet")
    return folder


@pytest.mark.smoke
def test_scores_and_rows_are_those_of_spark(spark, folder, table, detector):
    scored = score_parquet(spark, folder, detector, keep=["id"], partitions=3)
    assert scored.columns == ["file_path", "row_index", "id", "score"]
    found = by_id(scored)
    assert (found["id"].to_numpy() == np.arange(len(table))).all()
    assert (found["score"].to_numpy() == detector.score(table)).all()
    read = spark.read.option("recursiveFileLookup", "true").parquet(str(folder))
    identity = read.select("id", "_metadata.file_path", "_metadata.row_index")
    theirs = by_id(identity)
    assert found["file_path"].to_pylist() == theirs["file_path"].to_pylist()
    assert found["row_index"].to_pylist() == theirs["row_index"].to_pylist()


def test_files_folders_patterns_and_uris(spark, folder, table, detector):
    expected = detector.score(table)
    for paths, rows in [
        (folder / "b.parquet", slice(1000, 1500)),
        ([folder / "b.parquet", f"{folder}/a.*"], slice(0, 1500)),
        ([f"{folder}/[ab].parquet", folder / "b.parquet"], slice(0, 1500)),
        ((folder / "more ü%").as_uri(), slice(1500, None)),
        (f"{folder}/mo*", slice(1500, None)),
    ]:
        found = by_id(score_parquet(spark, paths, detector, keep=["id"]))
        assert (found["score"].to_numpy() == expected[rows]).all()


@pytest.mark.smoke
def test_the_result_is_written_by_spark(spark, folder, table, detector, tmp_path):
    out = tmp_path / "scores"
    watch = Watch()
    written = score_parquet(
        spark, folder, detector, output=out, keep=["id"], row_id=None, score="odd", watch=watch
    )
    assert (watch.rows, watch.bad_rows) == (len(table), 0)
    assert watch.alerts == (detector.score(table) > detector.threshold).sum()
    assert written.columns == ["id", "odd"]
    assert (by_id(written)["odd"].to_numpy() == detector.score(table)).all()
    assert pq.read_table(out).num_rows == len(table)
    with pytest.raises(fastrcf.InvalidParameterError, match="scores is there already"):
        score_parquet(spark, folder, detector, output=out)


def test_kept_columns_are_as_spark_reads_them(spark, tmp_path, table, detector):
    moment = datetime.datetime(2024, 5, 6, 7, 8, 9, 123456)
    n = len(table)
    wide = table
    for name, array in {
        "tiny": pa.array(np.arange(n) % 100, pa.int8()),
        "unsigned": pa.array(np.arange(n) + (1 << 31), pa.uint32()),
        "huge": pa.array([(1 << 64) - 1] * n, pa.uint64()),
        "price": pa.array([decimal.Decimal("1.25"), None] * (n // 2), pa.decimal128(9, 2)),
        "kind": pa.array(["meter", None, "tracker"] * (n // 3)).dictionary_encode(),
        "raw": pa.array([b"\x00\xff"] * n),
        "yes": pa.array([True, None] * (n // 2)),
        "day": pa.array([moment.date()] * n),
        "local": pa.array([moment] * n, pa.timestamp("us")),
        "at": pa.array([moment.replace(microsecond=0)] * n, pa.timestamp("ms", "Europe/Zurich")),
        "with.dot": pa.array(np.arange(n)),
        "with": pa.array(np.arange(n) * 2),
    }.items():
        wide = wide.append_column(name, array)
    pq.write_table(wide, tmp_path / "wide.parquet")
    keep = wide.column_names
    found = score_parquet(spark, tmp_path, detector, keep=keep, row_id=None, partitions=1)
    read = spark.read.parquet(str(tmp_path))
    assert [(f.name, f.dataType) for f in found.schema][:-1] == [
        (f.name, f.dataType) for f in read.schema
    ]
    assert by_id(found).drop_columns("score") == by_id(read)
    old = pa.table({"id": [1], "t": pa.array([moment], pa.timestamp("ns"))} | _one(table))
    pq.write_table(old, tmp_path / "old.parquet", use_deprecated_int96_timestamps=True)
    path = tmp_path / "old.parquet"
    found = score_parquet(spark, path, detector, keep=["t"], row_id=None)
    read = spark.read.parquet(str(path)).select("t")
    assert found.select("t").schema == read.schema
    assert found.select("t").toArrow() == read.toArrow()


def _one(table):
    return {name: table[name].slice(0, 1) for name in INPUTS}


def test_numbers_of_every_type_and_categories_equal_sparks_reading(spark, tmp_path, table):
    rng = np.random.default_rng(2)
    n = len(table)
    digits = rng.integers(0, 10**9, n)
    rows = pa.table(
        {
            "id": table["id"],
            "half": rng.integers(0, 1 << 63, n).astype(np.uint64) * 2,
            "truth": rng.random(n) < 0.3,
            "price": pa.array([decimal.Decimal(int(d)).scaleb(-4) for d in digits]),
            "wide": pa.array([decimal.Decimal(int(d)).scaleb(-4) for d in digits]).cast(
                pa.decimal128(30, 9)
            ),
            "single": rng.normal(size=n).astype(np.float32),
            "kind": pa.array(
                rng.choice(["meter", "tracker", "camera"], n, p=[0.7, 0.29, 0.01])
            ).dictionary_encode(),
        }
    )
    pq.write_table(rows, tmp_path / "rows.parquet", row_group_size=700)
    inputs = rows.column_names[1:]
    model = fastrcf.Detector(inputs, random_state=3, n_trees=20, sample_size=64).fit(rows)
    found = by_id(score_parquet(spark, tmp_path, model, keep=["id"]))["score"].to_numpy()
    theirs = by_id(score(spark.read.parquet(str(tmp_path)), model))["score"].to_numpy()
    assert (found == theirs).all()
    assert (found == model.score(rows)).all()


@pytest.mark.parametrize("kind", [pa.float32(), pa.float64()])
def test_inputs_in_one_column(spark, tmp_path, table, detector, kind):
    from pyspark.ml.feature import VectorAssembler

    x = np.column_stack([table[name].to_numpy() for name in INPUTS])
    forest = fastrcf.RandomCutForest(20, 64, random_state=1)
    forest.insert(x[:1000])
    lists = pa.FixedSizeListArray.from_arrays(pa.array(x.ravel()), 3).cast(pa.list_(kind))
    pq.write_table(pa.table({"id": table["id"], "x": lists}), tmp_path / "lists.parquet")
    found = by_id(score_parquet(spark, tmp_path / "lists.parquet", forest, "x", keep=["id"]))
    assert (found["score"].to_numpy() == forest.score(x.astype(kind.to_pandas_dtype()))).all()
    if kind == pa.float64():
        df = spark.createDataFrame(table)
        vectors = VectorAssembler(inputCols=INPUTS, outputCol="x").transform(df)
        vectors.select("id", "x").write.parquet(str(tmp_path / "vectors"))
        found = by_id(score_parquet(spark, tmp_path / "vectors", detector, "x", keep=["id"]))
        assert (found["score"].to_numpy() == detector.score(table)).all()


@pytest.mark.parametrize("wrong", [pytest.param(None, marks=pytest.mark.smoke), float("nan")])
def test_bad_rows_are_named_by_file_and_row(spark, tmp_path, table, detector, wrong):
    amounts = table["amount"].to_pylist()
    amounts[977] = wrong
    bad = table.set_column(1, "amount", pa.array(amounts))
    pq.write_table(bad, tmp_path / "bad.parquet", row_group_size=300)
    with pytest.raises(
        Exception, match=r"bad\.parquet, row 977, column 'amount': .*missing='null'"
    ):
        arrow(score_parquet(spark, tmp_path, detector))
    found = score_parquet(spark, tmp_path, detector, missing="null", keep=["id"])
    scores = by_id(found)["score"]
    assert scores.to_pylist()[977] is None
    expected = np.delete(detector.score(table), 977)
    assert (np.delete(scores.to_numpy(), 977) == expected).all()


@pytest.mark.parametrize("rows", [1, 2])
def test_what_is_missing_is_called_so(classic, tmp_path, table, detector, rows):
    some = table.slice(0, rows)
    bad = some.set_column(1, "amount", pa.nulls(rows, pa.float64()))
    pq.write_table(bad, tmp_path / "bad.parquet")
    said = r"bad\.parquet, row 0, column 'amount': the value is missing\. missing='null'"
    with pytest.raises(Exception, match=said):
        arrow(score_parquet(classic, tmp_path / "bad.parquet", detector))
    lists = pa.array([[1.0, None, 2.0]] * rows)
    pq.write_table(pa.table({"x": lists}), tmp_path / "lists.parquet")
    with pytest.raises(Exception, match="row 0, column 'speed': the value is missing"):
        arrow(score_parquet(classic, tmp_path / "lists.parquet", detector, "x"))


def test_a_file_system_may_be_given(spark, folder, table, detector):
    system = fs.SubTreeFileSystem(str(folder), fs.LocalFileSystem())
    found = score_parquet(spark, ["b.parquet", "more*"], detector, filesystem=system).toArrow()
    found = found.sort_by([("file_path", "ascending"), ("row_index", "ascending")])
    assert (found["score"].to_numpy() == detector.score(table)[1000:]).all()
    assert set(found["file_path"].to_pylist()) == {"b.parquet", "more ü%/c.parquet"}


def test_uris_of_file_systems(monkeypatch):
    asked = []

    def opened(uri):
        asked.append(uri)
        scheme, _, rest = uri.partition("://")
        inside = {"s3": rest.rpartition("@")[2], "abfss": "box/k/x.parquet", "hdfs": "/k/x.parquet"}
        return fs.LocalFileSystem(), inside[scheme]

    class FileSystem:
        from_uri = staticmethod(opened)

    monkeypatch.setattr(_parquet_files.fs, "FileSystem", FileSystem)
    for given, expected in [
        ("s3a://box/k/x.parquet", "s3a://box/k/x.parquet"),
        ("s3://key:secret@box/k/x.parquet", "s3://box/k/x.parquet"),
        ("abfss://box@a.host/k/x.parquet", "abfss://box@a.host/k/x.parquet"),
        ("hdfs://host:8020/k/x.parquet", "hdfs://host:8020/k/x.parquet"),
    ]:
        place = _parquet_files.located(given)
        assert place.uri(place.path) == expected
    assert asked[0] == "s3://box/k/x.parquet"


def test_tables_that_are_more_than_their_files_are_refused(
    classic, folder, table, detector, tmp_path
):
    def written(*names):
        path = tmp_path.joinpath(*names)
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table.slice(0, 10), path)
        return path

    delta = written("delta", "day=1", "part.parquet")
    (tmp_path / "delta" / "_delta_log").mkdir()
    iceberg = written("iceberg", "data", "part.parquet")
    (tmp_path / "iceberg" / "metadata").mkdir()
    (tmp_path / "iceberg" / "metadata" / "v1.metadata.json").touch()
    hudi = written("hudi", "part.parquet")
    (tmp_path / "hudi" / ".hoodie").mkdir()
    stream = written("stream", "part.parquet")
    (tmp_path / "stream" / "_spark_metadata").mkdir()
    for path, what in [(delta, "Delta"), (iceberg, "Iceberg"), (hudi, "Hudi"), (stream, "stream")]:
        top = tmp_path / path.relative_to(tmp_path).parts[0]
        for given in (path, path.parent, top, f"{top}/*", f"{path.parent}/*.parquet"):
            with pytest.raises(fastrcf.InvalidInputError, match=f"{top.name} is .*{what}"):
                score_parquet(classic, given, detector)
    # A folder that is merely called metadata is no table.
    plain = written("plain", "metadata", "part.parquet")
    assert score_parquet(classic, plain.parent.parent, detector).count() == 10
    with pytest.raises(fastrcf.InvalidInputError, match=r"is (a|an|written).*would count"):
        score_parquet(classic, tmp_path, detector)


def test_files_that_do_not_fit_are_named(classic, table, detector, tmp_path):
    def refused(match, *tables, name="b.parquet", **more):
        pq.write_table(table.slice(0, 10), tmp_path / "a.parquet")
        for other in tables:
            pq.write_table(other, tmp_path / name)
        with pytest.raises(fastrcf.InvalidInputError, match=match):
            score_parquet(classic, tmp_path, detector, **more)

    part = table.slice(0, 10)
    refused(r"b\.parquet has no column 'speed'; it has 'id', 'amount'", part.drop_columns("speed"))
    floats = part.set_column(3, "items", part["items"].cast(pa.float64()))
    refused(r"b\.parquet: column 'items' holds double, in .*a\.parquet it holds int64", floats)
    refused(r"has no column 'nobody'", part, keep=["nobody"])
    # What is not needed may differ.
    other = part.set_column(0, "id", part["id"].cast(pa.string()))
    pq.write_table(other, tmp_path / "b.parquet")
    assert score_parquet(classic, tmp_path, detector).count() == 20
    refused(r"column 'id' holds string", other, keep=["id"])
    lists = part.append_column("tags", pa.array([["x"]] * 10))
    pq.write_table(lists, tmp_path / "b.parquet")
    with pytest.raises(fastrcf.InvalidInputError, match=r"keep: column 'tags'.*cannot be kept"):
        score_parquet(classic, tmp_path / "b.parquet", detector, keep=["tags"])
    text = part.set_column(1, "amount", part["amount"].cast(pa.string()))
    pq.write_table(text, tmp_path / "b.parquet")
    with pytest.raises(fastrcf.InvalidInputError, match="'amount' holds string, not numbers"):
        score_parquet(classic, tmp_path / "b.parquet", detector)
    (tmp_path / "b.parquet").write_bytes(b"")
    with pytest.raises(fastrcf.InvalidInputError, match=r"b\.parquet is no Parquet file \(0 bytes"):
        score_parquet(classic, tmp_path, detector)
    good = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "b.parquet").write_bytes(good[:-60] + b"x" * 50 + good[-10:])
    with pytest.raises(fastrcf.InvalidInputError, match="damaged footer"):
        score_parquet(classic, tmp_path, detector)


def test_encrypted_files_are_refused(classic, table, detector, tmp_path):
    encryption = pytest.importorskip("pyarrow.parquet.encryption")

    class Keys(encryption.KmsClient):
        def __init__(self, _):
            encryption.KmsClient.__init__(self)

        def wrap_key(self, key_bytes, master_key_identifier):
            import base64

            return base64.b64encode(key_bytes)

        def unwrap_key(self, wrapped_key, master_key_identifier):
            import base64

            return base64.b64decode(wrapped_key)

    factory = encryption.CryptoFactory(Keys)
    for plain in (False, True):
        properties = factory.file_encryption_properties(
            encryption.KmsConnectionConfig(),
            encryption.EncryptionConfiguration(
                footer_key="k", column_keys={"c": ["amount"]}, plaintext_footer=plain
            ),
        )
        with pq.ParquetWriter(
            tmp_path / "e.parquet", table.schema, encryption_properties=properties
        ) as writer:
            writer.write_table(table)
        with pytest.raises(fastrcf.InvalidInputError, match=r"e\.parquet is encrypted"):
            score_parquet(classic, tmp_path, detector)


def test_columns_of_folder_names_are_refused(classic, table, detector, tmp_path):
    path = tmp_path / "items=3" / "a.parquet"
    path.parent.mkdir()
    pq.write_table(table.slice(0, 10), path)
    with pytest.raises(fastrcf.InvalidInputError, match="takes column 'items' from the folders'"):
        score_parquet(classic, tmp_path, detector)
    path = tmp_path / "day=2024-01-01" / "_hour=3" / "a.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(table.slice(0, 10), path)
    found = score_parquet(classic, tmp_path / "day*", detector)
    assert found.count() == 10
    with pytest.raises(fastrcf.InvalidInputError, match="takes column 'day'"):
        score_parquet(classic, path, detector, keep=["day"])


def test_refused_before_anything_runs(classic, folder, table, detector, tmp_path):
    named = fastrcf.InvalidInputError
    for paths, match in [
        (folder / "none.parquet", "there is no file or folder"),
        (f"{folder}/z*", "has no files"),
        (f"{folder}/nothing/z*", "there is no folder"),
        ([], "none is given"),
        ("dbfs:/x", "there is no file or folder"),
        ("wasb://box/x", "cannot reach wasb"),
    ]:
        with pytest.raises(named, match=match):
            score_parquet(classic, paths, detector)
    with pytest.raises(named, match="fitted to the columns"):
        score_parquet(classic, folder, detector, ["amount", "speed"])
    with pytest.raises(named, match=r"takes 3 columns .*found 1"):
        score_parquet(classic, folder, detector, "amount")
    with pytest.raises(named, match="two columns of the result are called 'score'"):
        score_parquet(classic, folder, detector, keep=["score"])
    pq.write_table(table.append_column("Score", table["id"]), tmp_path / "taken.parquet")
    with pytest.raises(named, match="called 'Score', to Spark the same as 'score'"):
        score_parquet(classic, tmp_path / "taken.parquet", detector, keep=["Score"])
    with pytest.raises(named, match="called 'Row', to Spark the same as 'row'"):
        score_parquet(classic, folder, detector, row_id=("Row", "row"))
    for wrong, match in [
        ({"partitions": 0}, "partitions: 0"),
        ({"partitions": 2.5}, "partitions: 2.5"),
        ({"keep": "all"}, "keep: a list of names, found 'all'"),
        ({"row_id": "at"}, "row_id: two names or None, found 'at'"),
    ]:
        with pytest.raises(fastrcf.InvalidParameterError, match=match):
            score_parquet(classic, folder, detector, **wrong)
    forest = fastrcf.RandomCutForest(10, 16, random_state=1)
    forest.insert(np.arange(60.0).reshape(20, 3))
    with pytest.raises(named, match="a forest knows no names"):
        score_parquet(classic, folder, forest)
    with pytest.raises(named, match="has 3 columns, 2 are given"):
        score_parquet(classic, folder, forest, ["amount", "speed"])


def test_a_file_system_that_cannot_be_is_told_in_one_line(monkeypatch):
    class Unreachable:
        @staticmethod
        def from_uri(uri):
            raise OSError("Unable to load libjvm\n  attempted /a\n  attempted /b")

    monkeypatch.setattr(_parquet_files.fs, "FileSystem", Unreachable)
    with pytest.raises(fastrcf.InvalidInputError) as told:
        _parquet_files.located("hdfs://host/x")
    assert "hdfs://... (Unable to load libjvm): give a filesystem" in str(told.value)
    assert "\n" not in str(told.value)


def test_files_that_change_after_they_were_listed_are_refused(classic, table, detector, tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(table, path, row_group_size=1000)
    scored = score_parquet(classic, path, detector)
    pq.write_table(table.slice(0, 500), path)
    with pytest.raises(Exception, match=r"a\.parquet has changed since"):
        scored.toArrow()
    path.unlink()
    with pytest.raises(Exception, match=r"a\.parquet is not there for this worker"):
        scored.toArrow()


@pytest.mark.smoke
def test_no_rows(spark, table, detector, tmp_path):
    pq.write_table(table.slice(0, 0), tmp_path / "none.parquet")
    found = score_parquet(spark, tmp_path, detector, keep=["id"])
    assert found.count() == 0
    assert found.columns == ["file_path", "row_index", "id", "score"]


def test_row_groups_are_spread_evenly_and_whole():
    rng = np.random.default_rng(1)
    groups = [rng.integers(0, 1000, rng.integers(1, 9)).tolist() for _ in range(40)]
    total = sum(map(sum, groups))
    tasks = spread(groups, 7)
    assert len(tasks) == 7
    loads = [sum(piece[3] for piece in task) for task in tasks]
    assert sum(loads) == total
    assert max(loads) <= total / 7 * 1.02
    pieces = [piece for task in tasks for piece in task]
    assert len(set(pieces)) == len(pieces)
    for file, group, first, rows in pieces:
        assert rows == groups[file][group]
        assert first == sum(groups[file][:group])
    assert all(task == sorted(task) for task in tasks)
    assert len(spread([[5, 5], [0]], 9)) == 2
    assert spread([[0]], None) == []
    assert len(spread([[100_000] * 10], None)) == 4


def test_wide_rows_come_in_small_batches(classic, tmp_path):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(600, 10_000)).astype(np.float32)
    forest = fastrcf.RandomCutForest(4, 16, random_state=1)
    forest.insert(x[:50])
    lists = pa.FixedSizeListArray.from_arrays(pa.array(x.ravel()), 10_000)
    pq.write_table(pa.table({"x": lists.cast(pa.list_(pa.float32()))}), tmp_path / "x.parquet")
    found = score_parquet(classic, tmp_path, forest, "x").toArrow().sort_by("row_index")
    assert (found["score"].to_numpy() == forest.score(x)).all()
