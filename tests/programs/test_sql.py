from __future__ import annotations

from pathlib import Path

import pytest

duckdb = pytest.importorskip("duckdb")

from guerdon.programs.sql import run  # noqa: E402

CITIES = {"city": {"columns": ["name", "size"], "rows": [["Rome", 3], ["Oslo", 1], ["Bonn", None]]}}


def ask(query, tables=None, **more):
    database = {} if "database" in more else {"tables": tables if tables is not None else CITIES}
    return run({"query": query, "max_rows": 100, "memory_mb": 128, **database, **more})


def test_rows_types_and_order():
    assert ask("SELECT name FROM city ORDER BY size DESC NULLS LAST") == {
        "rows": [["Rome"], ["Oslo"], ["Bonn"]], "ordered": True,
    }  # fmt: skip
    assert ask("SELECT count(*), sum(size) FROM city")["rows"] == [[3, 4]]
    cells = ask("SELECT 1.50::DECIMAL(5,2), DATE '2020-01-02', 'nan'::DOUBLE, [1, NULL], {'a': 1}, 'x'::BLOB, true")
    assert cells["rows"] == [[
        {"$": "decimal", "v": "1.50"}, {"$": "date", "v": "2020-01-02"}, {"$": "float", "v": "nan"}, [1, None],
        {"$": "map", "v": [["a", 1]]}, {"$": "blob", "v": "78"}, True,
    ]]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "ordered"),
    [
        ("FROM city", False), ("SELECT * FROM (SELECT * FROM city ORDER BY name)", False),
        ("SELECT 1 UNION SELECT 2 ORDER BY 1", True), ("WITH c AS (FROM city ORDER BY 1) FROM c", False),
        ("SELECT name FROM city ORDER BY ALL LIMIT 2;", True), ("SELECT 'ORDER BY' FROM city -- ORDER BY 1", False),
        ("SELECT row_number() OVER (ORDER BY name) FROM city", False),
    ],
)  # fmt: skip
def test_the_outermost_order(query, ordered):
    assert ask(query)["ordered"] is ordered


def test_ways_to_give_tables():
    records = {"t": [{"a": 1, "b": "x"}, {"a": 2.5}]}
    assert ask("FROM t", records)["rows"] == [[1.0, "x"], [2.5, None]]
    text = {"my table": 'a,b,"c d"\n1,0.5,x\n,2,"y, z"\n'}
    assert ask('FROM "my table"', text)["rows"] == [[1, 0.5, "x"], [None, 2.0, "y, z"]]
    typed = {"t": {"columns": ["d"], "types": ["DATE"], "rows": [["2020-01-02"]]}}
    assert ask("SELECT year(d) FROM t", typed)["rows"] == [[2020]]
    assert ask("FROM t", {"t": {"columns": ['a"b'], "rows": []}})["rows"] == []
    assert ask("FROM t", {"t": {"columns": ["n"], "rows": [[2**70], [1]]}})["rows"] == [[2**70], [1]]


@pytest.mark.parametrize(
    "tables",
    [
        {"t": {"columns": ["a"], "rows": [[1, 2]]}}, {"t": []}, {"t": ""}, {"t": "a,b\n1\n"},
        {"t": {"columns": ["a"], "types": ["INT); DROP TABLE x; --"], "rows": [[1]]}},
        {"t": {"columns": ["a"], "types": ["DATE"], "rows": [["never"]]}}, {"t": {"columns": ["a", "a"], "rows": []}},
        {"t": {"columns": ["a"], "types": ["NO_SUCH"], "rows": []}},
    ],
)  # fmt: skip
def test_a_database_that_cannot_be_made_is_a_fault(tables):
    assert "the database cannot be made" in ask("SELECT 1", tables)["fault"]


HOSTILE = [
    "COPY city TO '{folder}/out.csv'", "COPY (SELECT 1) TO '{folder}/out.parquet'", "EXPORT DATABASE '{folder}/out'",
    "ATTACH '{folder}/new.duckdb' AS n", "INSTALL httpfs", "LOAD httpfs", "PRAGMA database_list",
    "CALL pragma_version()", "SET memory_limit = '100GB'", "RESET lock_configuration",
    "SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'", "SELECT * FROM glob('/*')",
    "SELECT * FROM read_parquet('{folder}/t.parquet')", "SELECT getenv('HOME')", "SELECT * FROM payload",
    "DROP TABLE city", "DELETE FROM city", "UPDATE city SET size = 9 RETURNING size",
    "INSERT INTO city VALUES ('x', 1)",
    "CREATE TABLE x AS SELECT 1", "SELECT 1; SELECT 2", "EXPLAIN SELECT 1", "BEGIN", "", "-- nothing",
    "SELEC 1", "SELECT",
    "SELECT * FROM query('COPY city TO ''{folder}/out.csv''')", "SELECT * FROM sniff_csv('/etc/passwd')",
    "CREATE SECRET s (TYPE s3)", "SELECT * FROM 'http://127.0.0.1:9/x.csv'", "USE memory", "VACUUM", "CHECKPOINT",
    "SELECT range FROM range(101)", "SELECT " + "(" * 5000 + "1" + ")" * 5000, "\0", "SELECT 1 FROM city, " * 300,
]  # fmt: skip


@pytest.mark.parametrize("query", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_plain_select_is_refused(query, tmp_path):
    with duckdb.connect() as base:
        base.execute(f"COPY (SELECT 1) TO '{tmp_path}/t.parquet'")
    before = sorted(p.name for p in tmp_path.iterdir())
    found = ask(query.replace("{folder}", str(tmp_path)))
    assert set(found) == {"error"}
    assert found["error"]
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    assert not Path(".tmp").exists()


def test_settings_are_locked_for_every_kind_of_database(tmp_path):
    with duckdb.connect(str(tmp_path / "d.duckdb")) as base:
        base.execute("CREATE TABLE t AS SELECT range AS a FROM range(3)")
        base.execute(f"COPY t TO '{tmp_path}/p.parquet'")
        base.execute(f"COPY t TO '{tmp_path}/c.csv'")
    for name, table in (("d.duckdb", "t"), ("p.parquet", "p"), ("c.csv", "c")):
        given = {"database": name, "folder": str(tmp_path)}
        assert ask(f"SELECT sum(a) FROM {table}", **given)["rows"] == [[3]]
        for query in ("FROM read_csv('/etc/passwd')", f"FROM '{tmp_path}/c.csv'", f"DELETE FROM {table}"):
            assert "error" in ask(query, **given)
        settings = ask("SELECT name, value FROM duckdb_settings()", **given, max_rows=1000)["rows"]
        wanted = {"enable_external_access": "false", "lock_configuration": "true", "threads": "1"}
        assert {n: v for n, v in settings if n in wanted} == wanted


@pytest.mark.parametrize("name", ["../d.duckdb", "/etc/passwd", "none.csv", "link.csv", "", ".", "x.txt"])
def test_files_outside_the_folder_are_a_fault(name, tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "d.duckdb").write_text("")
    (tmp_path / "secret.csv").write_text("a\n1\n")
    (inner / "link.csv").symlink_to(tmp_path / "secret.csv")
    (inner / "x.txt").write_text("a\n1\n")
    assert "fault" in ask("SELECT 1", database=name, folder=str(inner))
    assert "fault" in ask("SELECT 1", database="x.txt", folder="")
