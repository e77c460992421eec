-- Clients that are given to or taken from an agent's system user, many at once, by a person who has asked for it.
CREATE TABLE client_job (
    id BLOB PRIMARY KEY,
    system_user BLOB NOT NULL REFERENCES system_user (id),
    person BLOB NOT NULL,
    level INTEGER NOT NULL,
    created INTEGER NOT NULL,
    number INTEGER NOT NULL
) STRICT;

CREATE TABLE client_job_item (
    job BLOB NOT NULL REFERENCES client_job (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    action TEXT NOT NULL CHECK (action IN ('add', 'remove')),
    client TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('waiting', 'done', 'refused')),
    code TEXT,
    detail TEXT,
    PRIMARY KEY (job, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX client_job_item_waiting ON client_job_item (job, position) WHERE status = 'waiting';
