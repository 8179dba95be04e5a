-- Orders as the shop writes them: judged on arrival, kept once, summed by the minute.

CREATE STREAMING TABLE orders (
  order_id BIGINT NOT NULL,
  user_id  BIGINT,
  country  VARCHAR COMMENT 'ISO 3166 alpha-2',
  amount   DOUBLE COMMENT 'EUR',
  status   VARCHAR,
  ts       TIMESTAMPTZ NOT NULL,
  CONSTRAINT amount_is_positive EXPECT (amount > 0) ON VIOLATION DROP ROW,
  CONSTRAINT country_is_known   EXPECT (country IS NOT NULL AND country <> 'ZZ')
)
COMMENT 'Orders as the shop writes them'
AS SELECT * FROM STREAM read_files('sample_data/orders/*.ndjson', format => 'json');

CREATE MATERIALIZED VIEW revenue_by_minute
COMMENT 'Running state: one row a minute and country, kept up to date with every commit'
AS
SELECT window(ts, '1 minute') AS minute, country, count(*) AS orders, sum(amount) AS revenue
FROM STREAM orders WATERMARK ts DELAY OF INTERVAL 30 SECONDS
GROUP BY window(ts, '1 minute'), country;

-- Refreshed whenever orders has grown, at most once in ten seconds.
CREATE MATERIALIZED VIEW top_customers TRIGGER ON UPDATE AT MOST EVERY INTERVAL 10 SECONDS AS
SELECT user_id, count(*) AS orders, sum(amount) AS revenue, max(ts) AS last_order
FROM orders
GROUP BY user_id
ORDER BY revenue DESC, user_id
LIMIT 100;
