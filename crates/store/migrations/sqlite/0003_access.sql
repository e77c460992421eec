-- When a party ended: an organisation deleted from the register, a person who died.
ALTER TABLE party ADD COLUMN ended INTEGER;

-- The packages given to a system user for its owner, a row each.
CREATE TABLE system_user_package (
    system_user BLOB NOT NULL REFERENCES system_user (id),
    package TEXT NOT NULL,
    PRIMARY KEY (system_user, package)
) STRICT, WITHOUT ROWID;
INSERT INTO system_user_package (system_user, package)
    SELECT DISTINCT u.id, json_extract(p.value, '$.urn') FROM system_user u, json_each(u.access_packages) p;
ALTER TABLE system_user DROP COLUMN access_packages;

-- What an agent's system user may do for a client, and the role of the agent that it rests on.
CREATE TABLE system_user_client_package (
    system_user BLOB NOT NULL,
    client BLOB NOT NULL,
    role TEXT NOT NULL,
    package TEXT NOT NULL,
    created INTEGER NOT NULL,
    PRIMARY KEY (system_user, client, role, package),
    FOREIGN KEY (system_user, client) REFERENCES system_user_client (system_user, client) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX system_user_client_package_by_client ON system_user_client_package (client);

-- That one party lets another act for it (rettighetshaver): persons and organisations.
CREATE TABLE connection (
    giver BLOB NOT NULL REFERENCES party (party_uuid),
    receiver BLOB NOT NULL REFERENCES party (party_uuid),
    created INTEGER NOT NULL,
    created_by BLOB NOT NULL,
    PRIMARY KEY (giver, receiver)
) STRICT, WITHOUT ROWID;
CREATE INDEX connection_by_receiver ON connection (receiver);

CREATE TABLE connection_package (
    giver BLOB NOT NULL,
    receiver BLOB NOT NULL,
    package TEXT NOT NULL,
    PRIMARY KEY (giver, receiver, package),
    FOREIGN KEY (giver, receiver) REFERENCES connection (giver, receiver) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE connection_right (
    giver BLOB NOT NULL,
    receiver BLOB NOT NULL,
    resource TEXT NOT NULL,
    action TEXT NOT NULL,
    PRIMARY KEY (giver, receiver, resource, action),
    FOREIGN KEY (giver, receiver) REFERENCES connection (giver, receiver) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Areas, packages, roles and what follows from them, where another edition than the built-in one is in use.
CREATE TABLE access_metadata (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    document TEXT NOT NULL
) STRICT;

-- Every registration of a resource there has been. Numbers are for all resources, in the order of registering.
CREATE TABLE resource_version (
    version_id INTEGER PRIMARY KEY,
    identifier TEXT NOT NULL,
    document TEXT NOT NULL,
    created INTEGER NOT NULL
) STRICT;
CREATE INDEX resource_version_by_identifier ON resource_version (identifier, version_id);
INSERT INTO resource_version (identifier, document, created) SELECT identifier, document, 0 FROM resource;
ALTER TABLE resource DROP COLUMN version;
ALTER TABLE resource ADD COLUMN version_id INTEGER NOT NULL DEFAULT 0;
UPDATE resource SET version_id = (SELECT MAX(v.version_id) FROM resource_version v WHERE v.identifier = resource.identifier);

-- Which subjects a resource's policy names, and since when it does or no longer does.
CREATE TABLE resource_subject (
    identifier TEXT NOT NULL,
    subject TEXT NOT NULL,
    updated INTEGER NOT NULL,
    is_deleted INTEGER NOT NULL,
    PRIMARY KEY (identifier, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX resource_subject_by_time ON resource_subject (updated, identifier, subject);

CREATE TABLE access_list (
    owner TEXT NOT NULL,
    identifier TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    version INTEGER NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    PRIMARY KEY (owner, identifier)
) STRICT, WITHOUT ROWID;

CREATE TABLE access_list_member (
    owner TEXT NOT NULL,
    identifier TEXT NOT NULL,
    member BLOB NOT NULL REFERENCES party (party_uuid),
    since INTEGER NOT NULL,
    PRIMARY KEY (owner, identifier, member),
    FOREIGN KEY (owner, identifier) REFERENCES access_list (owner, identifier) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE access_list_resource (
    owner TEXT NOT NULL,
    identifier TEXT NOT NULL,
    resource TEXT NOT NULL,
    actions TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    PRIMARY KEY (owner, identifier, resource),
    FOREIGN KEY (owner, identifier) REFERENCES access_list (owner, identifier) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- When each resource was changed last.
CREATE INDEX change_of_resource ON change (key, number) WHERE kind = 'resource';
