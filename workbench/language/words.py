"""Words with a meaning: DuckDB's reserved ones, its aggregates, and what differs from run to run."""

from __future__ import annotations

_RESERVED = """
ALL ANALYSE ANALYZE AND ANY ARRAY AS ASC ASYMMETRIC BOTH CASE CAST CHECK COLLATE COLUMN CONSTRAINT CREATE DEFAULT DEFERRABLE DESC
DESCRIBE DISTINCT DO ELSE END EXCEPT FALSE FETCH FOR FOREIGN FROM GROUP HAVING IN INITIALLY INTERSECT INTO LAMBDA LATERAL LEADING
LIMIT NOT NULL OFFSET ON ONLY OR ORDER PIVOT PIVOT_LONGER PIVOT_WIDER PLACING PRIMARY QUALIFY REFERENCES RETURNING SELECT SHOW
SOME SUMMARIZE SYMMETRIC TABLE THEN TO TRAILING TRUE UNION UNIQUE UNPIVOT USING VARIADIC WHEN WHERE WINDOW WITH
"""
RESERVED = frozenset(_RESERVED.split())
"""Words that name nothing unless quoted."""

_JOINING = """
ANTI ASOF CROSS FULL INNER JOIN LEFT NATURAL OUTER POSITIONAL RIGHT SEMI TABLESAMPLE
"""
JOINING = frozenset(_JOINING.split())
"""Words that end a table's name in a FROM clause."""

PLAIN = JOINING | frozenset(["AT", "BY", "GLOB", "ILIKE", "IS", "ISNULL", "LIKE", "NOTNULL", "OVERLAPS", "SIMILAR"])
"""Words that are never columns unless quoted, though functions may be called so."""

_AGGREGATES = """
any_value approx_count_distinct approx_quantile approx_top_k arbitrary arg_max arg_max_null arg_max_nulls_last arg_min
arg_min_null arg_min_nulls_last argmax argmin array_agg avg bit_and bit_or bit_xor bitstring_agg bool_and bool_or corr count
count_if count_star countif covar_pop covar_samp entropy favg first fsum group_concat grouping grouping_id histogram
histogram_exact kahan_sum kurtosis kurtosis_pop last list listagg lttb mad max max_by mean median min min_by mode product quantile
quantile_cont quantile_disc regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy
reservoir_quantile sem skewness stddev stddev_pop stddev_samp string_agg sum sum_no_overflow sumkahan var_pop var_samp variance
"""
AGGREGATES = frozenset(_AGGREGATES.split())

_VOLATILE = """
current_connection_id current_database current_query current_query_id current_schema current_schemas current_setting
current_transaction_id currval error gen_random_uuid get_current_time get_current_timestamp getvariable nextval now random setseed
setval sleep_ms stats today transaction_timestamp txid_current uuid uuidv4 uuidv7 write_log
"""
VOLATILE = frozenset(_VOLATILE.split())
"""Functions whose answer depends on when or where they run."""

_CLOCK = """
CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP LOCALTIME LOCALTIMESTAMP CURRENT_LOCALTIME CURRENT_LOCALTIMESTAMP
"""
CLOCK = frozenset(_CLOCK.split())
"""The same, written without brackets."""

RESERVED_COLUMNS = ("_commit", "_row", "_metadata", "_mask", "_verdict", "_violations", "_rescued_data")
"""Column names that the workbench itself gives out; `_k0`, `_p0` and their like too, and those that begin with OWN."""
OWN = "_wb_"
"""How the names begin of columns that stand beside a stream's own while its rows are worked on."""

OWN_TABLE = "#"
"""Stands in the names of tables that a flow keeps for itself, after its streaming table's: so in no name that is given to a dataset."""


def reserved_column(name: str) -> bool:
    """Whether a declared column may not have this name."""
    low = name.lower()
    return low in RESERVED_COLUMNS or low.startswith(OWN) or (low[:2] in ("_k", "_p", "_a") and low[2:].isdigit())
