-- From format 3 to 4: columns of what users see have names that need no quotes. Run in one transaction; views.sql stands in place of the
-- marked line.

-- views.sql

UPDATE _system.meta SET format = 4;
