"""What the console lets through, and what it refuses: why, and where."""

from __future__ import annotations

import pytest

from workbench.errors import QueryError, QueryRefused
from workbench.language.gate import admit

ADMITTED = r'''
from t
table t
select * exclude (a) from t
select * exclude a from t
select * replace (a + 1 as a) from t
select * rename (a as b) from t
select columns('a.*') from t
select min(columns(*)) from t
select * like 'a%' from t
select [x + 1 for x in [1, 2, 3] if x > 1]
select list_transform([1, 2], lambda x: x + 1)
select list_filter(l, lambda x, i: x > i) from t
select list_transform([1, 2], x -> x + 1)
select a, row_number() over (partition by b order by c) r from t qualify r = 1
select * from a asof join b on a.t >= b.t
select * from a asof left join b using (k, t)
select * from a positional join b
select * from a semi join b using (x)
select * from a anti join b using (y)
select * from 'file.parquet'
select * from "file.parquet"
from 'data/*.parquet' select count(*)
select * from read_parquet('f.parquet', hive_partitioning => true)
select * from read_csv('f.csv', header = true, columns = {'a': 'INT'})
select * from read_json('x', columns = {a: 'INT'})
select * from read_text('notes.txt')
select * from glob('*')
select unnest([1, 2])
select * from t, unnest(t.l) u(x)
select * from t1, lateral (select t1.a) l
select {'a': 1, 'b': [1]} s, s.a
select map {'a': 1}['a']
select [1, 2, 3][1:2], l[-1] from t
select * from t tablesample 10%
select * from t using sample 10 rows
select * from t tablesample reservoir(10 rows)
select 1_000, 0xFF, 1e10, .5
select a, count(*) from t group by all order by all
select 1;
select 1 ;; -- done
select 1 -- comment
/* a */ select 1 /* b */ ; -- c
values (1, 2), (3, 4)
with a as (select 1) from a
with a as materialized (select 1) select * from a
with recursive r(n) as (select 1 union all select n + 1 from r where n < 5) select * from r
select a union by name select b
(select 1) union all (select 2)
select 1 union select 2 intersect select 3 except select 4
describe t
desc t
describe select 1
summarize t
summarize select 1
from (describe t)
from (summarize t)
show tables
SHOW TABLES FROM workbench
show orders
show main.orders
explain select 1
EXPLAIN ANALYZE from t
explain (format json) select 1
pivot t on a using sum(b) group by c
pivot t on a in (1, 2) using sum(b)
unpivot t on a, b into name n value v
select * from t pivot (sum(b) for a in (1, 2))
from (pivot t on a using sum(b))
select distinct on (a) * from t order by b desc nulls last
select count(*) filter (where a > 1), arg_max(a, b), string_agg(a, ',' order by b) from t
select quantile_cont(a, [0.5, 0.9]), percentile_cont(0.5) within group (order by a) from t
select sum(a) over w from t window w as (order by b rows between 1 preceding and current row)
select lag(a ignore nulls) over (), sum(a) over (order by b range between interval 1 day preceding and current row) from t
select grouping(a) from t group by cube(a), rollup(b), grouping sets ((a), (b))
select interval '1 day', interval (a) days, date '2020-01-01' + interval 1 day from t
select a::int[], try_cast(b as decimal(10, 2)), cast(c as struct(x int, y varchar[])) from t
select a ->> '$.x', a -> 'y', json_extract_string(a, '$.b') from t
select date_trunc('hour', ts), ts at time zone 'Asia/Seoul', time_bucket(interval '5 minutes', ts) from t
select $$dollar ; quoted$$
select 'it''s; not the end'
select a ilike 'x%', b similar to 'y', c glob '*', d ~ 'e' from t
select exists(from t), a not in (select b from u), a = any([1, 2]) from t
select a ** 2, a // 2, a % 3, a ^ 2, a << 1 from t
select a: 1, b: 2 from t
select a, b, from t
select rowid, #1 from t
select 'x'.upper(), a.upper().lower() from t
select struct_pack(a := 1), row(1, 2)
select "weird ""name""" from "T x"
select * from workbench.streams
select delete, update, "drop" from t
select 'DELETE FROM t; DROP TABLE t', 'getenv(x)'
from generate_series(1, 10)
select * from range(10) r(i)
pivot t on a using count(*) group by b order by b desc limit 3 offset 1
unpivot t on a, b into name n value v limit 1
with p as (from t) pivot p on a using sum(b) order by all
from (pivot t on a order by (select max(x) from (pivot u on b limit 2)) limit 3) limit 1
select string_agg(pivot order by pivot) from t
'''.strip().splitlines()


@pytest.mark.parametrize("sql", ADMITTED)
def test_reading_is_admitted(sql: str) -> None:
    admitted = admit(sql)

    assert sql.startswith(admitted)
    assert not admitted.endswith(";")


def test_a_statement_over_several_lines_keeps_its_offsets() -> None:
    sql = "\n-- first\n  select 1,\n 2 ; -- the end\n"

    assert admit(sql) == "\n-- first\n  select 1,\n 2"


REFUSED = [
    ("insert into t values (1)", 0, "INSERT"),
    ("update t set a = 1", 0, "UPDATE"),
    ("delete from t", 0, "DELETE"),
    ("merge into t using s on a when matched then delete", 0, "MERGE"),
    ("truncate t", 0, "TRUNCATE"),
    ("replace into t values (1)", 0, "REPLACE"),
    ("create table x as select 1", 0, "CREATE"),
    ("create or replace secret x (type s3)", 0, "CREATE"),
    ("create macro f(a) as a", 0, "CREATE"),
    ("alter table t add column x int", 0, "ALTER"),
    ("drop table x", 0, "DROP"),
    ("comment on table t is 'x'", 0, "COMMENT"),
    ("copy t to 'x'", 0, "COPY"),
    ("export database 'x'", 0, "EXPORT"),
    ("import database 'x'", 0, "IMPORT"),
    ("attach 'x'", 0, "ATTACH"),
    ("detach x", 0, "DETACH"),
    ("use x", 0, "USE"),
    ("install x", 0, "INSTALL"),
    ("load x", 0, "LOAD"),
    ("force install x", 0, "FORCE"),
    ("set memory_limit = '1TB'", 0, "SET"),
    ("set variable x = 1", 0, "SET"),
    ("reset x", 0, "RESET"),
    ("pragma version", 0, "PRAGMA"),
    ("call enable_logging()", 0, "CALL"),
    ("checkpoint", 0, "CHECKPOINT"),
    ("vacuum", 0, "VACUUM"),
    ("analyze", 0, "ANALYZE"),
    ("begin", 0, "BEGIN"),
    ("commit", 0, "COMMIT"),
    ("rollback", 0, "ROLLBACK"),
    ("prepare x as select 1", 0, "PREPARE"),
    ("execute x", 0, "EXECUTE"),
    ("deallocate x", 0, "DEALLOCATE"),
    ("grant all", 0, "GRANT"),
    ("  /* c */ delete from t", 10, "DELETE"),
    ("explain delete from t", 8, "DELETE"),
    ("explain analyze\n delete from t", 17, "DELETE"),
    ("explain (format json) drop table t", 22, "DROP"),
    ("with d as (delete from t returning *) select * from d", 11, "DELETE"),
    ("with d as (insert into t values (1) returning 1) from d", 11, "INSERT"),
    ("with d as (update t set a = 1 returning *) from d", 11, "UPDATE"),
    ("with c as (copy t to 'x') select 1", 11, "COPY"),
    ("select (delete from t)", 8, "DELETE"),
    ("from (delete from t returning *)", 6, "DELETE"),
    ("select 1 into x", None, "INTO"),
    ("select 1; select 2", 10, "more than one"),
    ("select 1; delete from t", 10, "more than one"),
    ("select 1;; /* x */ drop table t", 19, "more than one"),
    ("select 'a\\'; delete from t --'", 13, "more than one"),
    ("select * from _store.orders", 14, "_store"),
    ('select * from "_STORE".orders', 14, "_STORE"),
    ("select _store.orders.a from orders", 7, "_store"),
    ("select * from data._store.orders", 19, "_store"),
    ("from orders union all from _system.commits", 27, "_system"),
    ("select (select max(id) from _system.commits)", 28, "_system"),
    ("describe _store.orders", 9, "_store"),
    ("show _store.orders", None, "_store"),
    ("show tables from _store", None, "_store"),
    ("summarize _store.orders", 10, "_store"),
    ("pivot _store.orders on a using sum(b)", 6, "_store"),
    ("show all tables", 0, "internal"),
    ("show databases", 0, "internal"),
    ("select * from information_schema.tables", 14, "internal"),
    ("select * from pg_catalog.pg_class", 14, "internal"),
    ("from pg_tables", 5, "internal"),
    ("from sqlite_master", 5, "internal"),
    ("from duckdb_tables()", 5, "duckdb_tables()"),
    ("from pragma_database_size()", 5, "pragma_database_size()"),
    ("select getenv('HOME')", 7, "getenv()"),
    ("select GetEnv /* x */ ('HOME')", 7, "getenv()"),
    ("select \"getenv\"('HOME')", 7, "getenv()"),
    ("select 'HOME'.getenv()", 14, "getenv()"),
    ("select system.main.getenv('HOME')", 19, "getenv()"),
    ("from query('delete from t')", 5, "query()"),
    ("from query_table('t')", 5, "query_table()"),
    ("from t, query('x')", 8, "query()"),
    ("from force_checkpoint()", 5, "force_checkpoint()"),
    ("from enable_logging(storage = 'file')", 5, "enable_logging()"),
    ("select nextval('s')", 7, "nextval()"),
    ("from read_duckdb('other.duckdb')", 5, "read_duckdb()"),
    ("pivot t on a order by (select 1 from _store.x)", 37, "_store"),
    ("pivot t on a limit (delete from t)", 20, "DELETE"),
    ("pivot t on a limit 3; drop table t", 22, "more than one"),
    ("from some_new_table_function(1)", None, "some_new_table_function()"),
    ("from t, lateral some_new_table_function(t.a)", None, "some_new_table_function()"),
]


@pytest.mark.parametrize(("sql", "position", "named"), REFUSED)
def test_everything_else_is_refused(sql: str, position: int | None, named: str) -> None:
    with pytest.raises(QueryRefused) as caught:
        admit(sql)

    assert named in caught.value.message
    assert caught.value.hint
    assert caught.value.position == position


UNREADABLE = [
    ("", None),
    (" ;; ", 1),
    ("-- only a comment", None),
    ("selec 1", 0),
    ("select (1", 8),
    ("select\n  a b c from t", 13),
    ("select * from t where", 16),
    ("select 1 +* 2", 12),
    ("explain select 1 2 3", 17),
    ("from (show all tables)", 15),
    ("select 'abc", 7),
    ("select 'a', 'b", 12),
    ("select 'a \"b", 7),
    ('select "abc', 7),
    ("select $$abc", 7),
    ("select /* abc", 7),
    ("show", 0),
    ("show a b", 0),
    ("pivot t on a order by", 13),
    ("pivot t on a limit 3 union all delete from t", 31),
    ("select 1 /* /* */ ; delete from t -- */ */", 41),
]


@pytest.mark.parametrize(("sql", "position"), UNREADABLE)
def test_what_cannot_be_parsed_is_not_run(sql: str, position: int | None) -> None:
    with pytest.raises(QueryError) as caught:
        admit(sql)

    assert not isinstance(caught.value, QueryRefused)
    assert caught.value.position == position


def test_deep_nesting_is_refused_and_not_a_crash() -> None:
    with pytest.raises(QueryError):
        admit("select " + "(" * 20_000 + "1" + ")" * 20_000)
