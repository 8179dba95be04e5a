"""DuckDB's functions as the console's gate sees them."""

from __future__ import annotations

TABLE_FUNCTIONS = frozenset({
    "range", "generate_series", "unnest", "repeat", "repeat_row", "glob", "json_each", "json_tree", "read_csv", "read_csv_auto",
    "sniff_csv", "read_json", "read_json_auto", "read_json_objects", "read_json_objects_auto", "read_ndjson", "read_ndjson_auto",
    "read_ndjson_objects", "read_parquet", "parquet_scan", "parquet_schema", "parquet_metadata", "parquet_file_metadata",
    "parquet_kv_metadata", "read_text", "read_blob", "histogram", "histogram_values", "generate_subscripts", "regexp_split_to_table",
    "summary", "pg_timezone_names", "icu_calendar_names", "test_all_types", "explode", "flatten",
})  # fmt: skip
"""Table functions that only read tables or files; every other one is refused."""

SYSTEM_FUNCTIONS = frozenset({
    "getenv", "query", "query_table", "nextval", "setval", "setseed", "write_log", "json_execute_serialized_sql", "checkpoint",
    "force_checkpoint", "enable_logging", "disable_logging", "enable_profiling", "disable_profiling", "truncate_duckdb_logs",
    "which_secret", "arrow_scan", "arrow_scan_dumb", "pandas_scan", "python_arrow_scan", "python_map_function", "read_duckdb",
    "seq_scan", "create_external_resource", "destroy_external_resource", "register_external_resource", "deregister_external_resource",
    "register_external_resource_type",
})  # fmt: skip
"""Functions that change something, run text as SQL, or look at the machine; refused wherever they stand."""
