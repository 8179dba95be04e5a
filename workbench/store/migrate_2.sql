-- From format 2 to 3: the newest ids are kept when what has them is removed; flows know how many records were lost. Run in one
-- transaction.

ALTER TABLE _system.meta ADD COLUMN IF NOT EXISTS last_commit BIGINT;
ALTER TABLE _system.meta ADD COLUMN IF NOT EXISTS last_rejection BIGINT;
ALTER TABLE _system.flows ADD COLUMN IF NOT EXISTS lost BIGINT;
ALTER TABLE _system.flows ADD COLUMN IF NOT EXISTS lost_by_kernel BIGINT;
UPDATE _system.meta SET format = 3;
