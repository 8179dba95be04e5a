-- A plain table, read from a file when it is refreshed, and a running state that joins it in.

CREATE MATERIALIZED VIEW countries
COMMENT 'Names, continents and VAT rates'
AS SELECT * FROM read_csv('sample_data/countries.csv');

CREATE MATERIALIZED VIEW revenue_by_continent AS
SELECT c.continent, count(*) AS orders, sum(o.amount) AS revenue, sum(o.amount * c.vat / (1 + c.vat)) AS vat
FROM STREAM orders AS o JOIN countries AS c ON o.country = c.code
GROUP BY c.continent;
