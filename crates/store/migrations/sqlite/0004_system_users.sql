-- Grows with every change of a system, and when it was changed last.
ALTER TABLE system ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE system ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
UPDATE system SET changed = created;

-- In the order of being made: the number of the change that made it. Those from before get the first ones.
ALTER TABLE request ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
UPDATE request SET number = n.number
    FROM (SELECT id, ROW_NUMBER() OVER (ORDER BY created, id) AS number FROM request) n WHERE n.id = request.id;
CREATE INDEX request_by_system ON request (system_internal_id, kind, number) WHERE NOT is_deleted;

-- Those whose time may have run out.
CREATE INDEX request_by_expiry ON request (expires) WHERE status = 'New' AND NOT is_deleted;

-- The same for system users, and the number of the last change.
ALTER TABLE system_user ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
ALTER TABLE system_user ADD COLUMN last_number INTEGER NOT NULL DEFAULT 0;
ALTER TABLE system_user ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
UPDATE system_user SET number = n.number, last_number = n.number, changed = created
    FROM (SELECT id, ROW_NUMBER() OVER (ORDER BY created, id) AS number FROM system_user) n WHERE n.id = system_user.id;
CREATE INDEX system_user_by_system ON system_user (system_internal_id, number) WHERE NOT is_deleted;
CREATE INDEX system_user_by_last_change ON system_user (last_number);

-- A vendor's request that a system user is given more, or less.
CREATE TABLE change_request (
    id BLOB PRIMARY KEY,
    system_user BLOB NOT NULL REFERENCES system_user (id),
    system_internal_id BLOB NOT NULL REFERENCES system (internal_id),
    status TEXT NOT NULL,
    is_deleted INTEGER NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    number INTEGER NOT NULL,
    answered INTEGER,
    answered_by BLOB,
    document TEXT NOT NULL
) STRICT;
CREATE INDEX change_request_by_system ON change_request (system_internal_id, number) WHERE NOT is_deleted;
CREATE INDEX change_request_by_expiry ON change_request (expires) WHERE status = 'New' AND NOT is_deleted;
CREATE INDEX change_request_by_system_user ON change_request (system_user, number) WHERE NOT is_deleted;
