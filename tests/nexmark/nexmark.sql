-- One file of events feeds three tables and is read once.

CREATE STREAMING TABLE person AS SELECT id, name, city, state, ts FROM STREAM read_files('events/*.ndjson', format => 'json',
  schema => 'kind VARCHAR, id BIGINT, name VARCHAR, city VARCHAR, state VARCHAR, item VARCHAR, initial_bid BIGINT, reserve BIGINT, expires TIMESTAMPTZ, seller BIGINT, category BIGINT, auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR, ts TIMESTAMPTZ, extra VARCHAR')
WHERE kind = 'person';

CREATE STREAMING TABLE auction AS SELECT id, item, initial_bid, reserve, ts, expires, seller, category FROM STREAM read_files('events/*.ndjson', format => 'json',
  schema => 'kind VARCHAR, id BIGINT, name VARCHAR, city VARCHAR, state VARCHAR, item VARCHAR, initial_bid BIGINT, reserve BIGINT, expires TIMESTAMPTZ, seller BIGINT, category BIGINT, auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR, ts TIMESTAMPTZ, extra VARCHAR')
WHERE kind = 'auction';

CREATE STREAMING TABLE bid AS SELECT auction, bidder, price, channel, ts, extra FROM STREAM read_files('events/*.ndjson', format => 'json',
  schema => 'kind VARCHAR, id BIGINT, name VARCHAR, city VARCHAR, state VARCHAR, item VARCHAR, initial_bid BIGINT, reserve BIGINT, expires TIMESTAMPTZ, seller BIGINT, category BIGINT, auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR, ts TIMESTAMPTZ, extra VARCHAR')
WHERE kind = 'bid';

-- q0: every bid as it is. q1: prices in euros. q2: bids on some auctions.
CREATE STREAMING TABLE q0 AS SELECT auction, bidder, price, ts, extra FROM STREAM bid;
CREATE STREAMING TABLE q1 AS SELECT auction, bidder, 0.908 * price AS price, ts, extra FROM STREAM bid;
CREATE STREAMING TABLE q2 AS SELECT auction, price FROM STREAM bid WHERE auction % 123 = 0;

-- q3: who is selling in certain states and categories.
CREATE STREAMING TABLE q3 AS SELECT p.name, p.city, p.state, a.id
FROM STREAM auction a WATERMARK ts DELAY OF INTERVAL 4 SECONDS
JOIN STREAM person p WATERMARK ts DELAY OF INTERVAL 4 SECONDS
  ON a.seller = p.id AND a.ts BETWEEN p.ts - INTERVAL 10 SECONDS AND p.ts + INTERVAL 10 HOURS
WHERE a.category = 10 AND p.state IN ('OR', 'ID', 'CA');

-- q4: the mean of the winning bids of each category; q6: of each seller's last ten auctions.
CREATE STREAMING TABLE valid_bid AS SELECT a.id, a.category, a.seller, a.expires, b.price
FROM STREAM auction a WATERMARK ts DELAY OF INTERVAL 4 SECONDS
JOIN STREAM bid b WATERMARK ts DELAY OF INTERVAL 4 SECONDS
  ON a.id = b.auction AND b.ts BETWEEN a.ts AND a.ts + INTERVAL 1 MINUTE AND b.ts <= a.expires;
CREATE MATERIALIZED VIEW winning AS
SELECT id, category, seller, expires, max(price) AS final FROM STREAM valid_bid GROUP BY id, category, seller, expires;
CREATE TEMPORARY VIEW q4 AS SELECT category, avg(final) AS mean FROM winning GROUP BY category;
CREATE TEMPORARY VIEW q6 AS
SELECT seller, id, avg(final) OVER (PARTITION BY seller ORDER BY expires, id ROWS BETWEEN 9 PRECEDING AND CURRENT ROW) AS mean FROM winning;

-- q5: the auctions with the most bids in the last ten seconds, every two.
CREATE MATERIALIZED VIEW bids_by_window AS
SELECT window(ts, '10 seconds', '2 seconds') AS begin, auction, count(*) AS bids
FROM STREAM bid WATERMARK ts DELAY OF INTERVAL 4 SECONDS GROUP BY window(ts, '10 seconds', '2 seconds'), auction;
CREATE TEMPORARY VIEW q5 AS
SELECT begin, auction, bids FROM bids_by_window QUALIFY bids = max(bids) OVER (PARTITION BY begin);

-- q7: the highest bid of each ten seconds.
CREATE MATERIALIZED VIEW highest AS
SELECT window(ts, '10 seconds') AS begin, max(price) AS price FROM STREAM bid WATERMARK ts DELAY OF INTERVAL 4 SECONDS GROUP BY 1;
CREATE TEMPORARY VIEW q7 AS
SELECT b.auction, b.price, b.bidder, b.ts FROM bid b JOIN highest h
  ON b.price = h.price AND b.ts >= h.begin AND b.ts < h.begin + INTERVAL 10 SECONDS;

-- q8: people who opened an auction in the ten seconds in which they came.
CREATE STREAMING TABLE new_seller AS SELECT p.id, p.name, window(p.ts, '10 seconds') AS begin
FROM STREAM person p WATERMARK ts DELAY OF INTERVAL 4 SECONDS
JOIN STREAM auction a WATERMARK ts DELAY OF INTERVAL 4 SECONDS
  ON p.id = a.seller AND window(p.ts, '10 seconds') = window(a.ts, '10 seconds');
CREATE MATERIALIZED VIEW q8 AS SELECT id, name, begin, count(*) AS auctions FROM STREAM new_seller GROUP BY id, name, begin;
