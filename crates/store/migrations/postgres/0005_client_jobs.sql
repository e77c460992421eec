-- Clients that are given to or taken from an agent's system user, many at once, by a person who has asked for it.
CREATE TABLE client_job (
    id UUID PRIMARY KEY,
    system_user UUID NOT NULL REFERENCES system_user (id),
    person UUID NOT NULL,
    level BIGINT NOT NULL,
    created BIGINT NOT NULL,
    number BIGINT NOT NULL
);

CREATE TABLE client_job_item (
    job UUID NOT NULL REFERENCES client_job (id) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    action TEXT COLLATE "C" NOT NULL CHECK (action IN ('add', 'remove')),
    client TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL CHECK (status IN ('waiting', 'done', 'refused')),
    code TEXT COLLATE "C",
    detail TEXT COLLATE "C",
    PRIMARY KEY (job, position)
);
CREATE INDEX client_job_item_waiting ON client_job_item (job, position) WHERE status = 'waiting';
