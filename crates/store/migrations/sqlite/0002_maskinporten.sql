-- When a key begins to sign (it is published before), and the certificates it is published with.
ALTER TABLE signing_key ADD COLUMN signs_from INTEGER NOT NULL DEFAULT 0;
ALTER TABLE signing_key ADD COLUMN certificates TEXT NOT NULL DEFAULT '[]';

-- Whether the change log says that the key is about to expire.
ALTER TABLE client_key ADD COLUMN expiry_noted INTEGER NOT NULL DEFAULT FALSE;

-- Which organisation lets which other use a scope in its place.
CREATE TABLE scope_delegation (
    scope TEXT NOT NULL REFERENCES scope (name),
    consumer TEXT NOT NULL,
    supplier TEXT NOT NULL,
    created INTEGER NOT NULL,
    PRIMARY KEY (scope, consumer, supplier)
) STRICT;

CREATE INDEX scope_access_by_consumer ON scope_access (consumer);

-- The organisations that an agent's system user acts for.
CREATE TABLE system_user_client (
    system_user BLOB NOT NULL REFERENCES system_user (id),
    client BLOB NOT NULL REFERENCES party (party_uuid),
    created INTEGER NOT NULL,
    PRIMARY KEY (system_user, client)
) STRICT;
CREATE INDEX system_user_client_by_client ON system_user_client (client);

-- Grants that were used, until they have expired.
CREATE TABLE used_grant (
    grant_hash BLOB PRIMARY KEY,
    expires INTEGER NOT NULL
) STRICT;
CREATE INDEX used_grant_by_expiry ON used_grant (expires);

-- Whether the table above knows all grants that were used up to now, or up to when the last instance stopped.
ALTER TABLE installation ADD COLUMN grants_recorded INTEGER NOT NULL DEFAULT FALSE;
