-- Page views of the shop's site.

CREATE STREAMING TABLE clicks (
  ts      TIMESTAMPTZ NOT NULL,
  user_id BIGINT,
  page    VARCHAR NOT NULL,
  country VARCHAR,
  ms      INTEGER COMMENT 'time to answer',
  CONSTRAINT answered_in_time EXPECT (ms BETWEEN 0 AND 2000),
  CONSTRAINT page_is_a_path   EXPECT (page LIKE '/%') ON VIOLATION DROP ROW
)
COMMENT 'Page views of the shop''s site'
AS SELECT * FROM STREAM read_files('sample_data/clicks/*.ndjson', format => 'json');

CREATE MATERIALIZED VIEW pages AS
SELECT page, country, count(*) AS views, avg(ms) AS mean_ms, max(ms) AS slowest_ms, count(*) FILTER (WHERE ms > 2000) AS slow
FROM STREAM clicks
GROUP BY page, country;

CREATE TEMPORARY VIEW conversion AS
SELECT p.country, sum(p.views) AS views, any_value(r.orders) AS orders, any_value(r.orders) / sum(p.views) AS share
FROM pages AS p JOIN (SELECT country, sum(orders) AS orders FROM revenue_by_minute GROUP BY country) AS r ON p.country = r.country
GROUP BY p.country;
