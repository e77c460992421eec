-- When a key begins to sign (it is published before), and the certificates it is published with.
ALTER TABLE signing_key ADD COLUMN signs_from BIGINT NOT NULL DEFAULT 0;
ALTER TABLE signing_key ADD COLUMN certificates JSONB NOT NULL DEFAULT '[]';

-- Whether the change log says that the key is about to expire.
ALTER TABLE client_key ADD COLUMN expiry_noted BOOLEAN NOT NULL DEFAULT FALSE;

-- Which organisation lets which other use a scope in its place.
CREATE TABLE scope_delegation (
    scope TEXT COLLATE "C" NOT NULL REFERENCES scope (name),
    consumer TEXT COLLATE "C" NOT NULL,
    supplier TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (scope, consumer, supplier)
);

CREATE INDEX scope_access_by_consumer ON scope_access (consumer);

-- The organisations that an agent's system user acts for.
CREATE TABLE system_user_client (
    system_user UUID NOT NULL REFERENCES system_user (id),
    client UUID NOT NULL REFERENCES party (party_uuid),
    created BIGINT NOT NULL,
    PRIMARY KEY (system_user, client)
);
CREATE INDEX system_user_client_by_client ON system_user_client (client);

-- Grants that were used, until they have expired.
CREATE TABLE used_grant (
    grant_hash BYTEA PRIMARY KEY,
    expires BIGINT NOT NULL
);
CREATE INDEX used_grant_by_expiry ON used_grant (expires);

-- Whether the table above knows all grants that were used up to now, or up to when the last instance stopped.
ALTER TABLE installation ADD COLUMN grants_recorded BOOLEAN NOT NULL DEFAULT FALSE;
