-- The one row that says what this database is, who may write to it, and the last number of the change log.
CREATE TABLE installation (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    kind TEXT NOT NULL,
    created INTEGER NOT NULL,
    key_check BLOB NOT NULL,
    epoch INTEGER NOT NULL,
    stopped INTEGER,
    last_change INTEGER NOT NULL
) STRICT;

-- Every committed change of domain state. Numbers strictly increase in the order of commits.
CREATE TABLE change (
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    actor TEXT NOT NULL,
    on_behalf_of TEXT,
    client_id TEXT,
    request_id TEXT,
    at INTEGER NOT NULL
) STRICT;

-- Everything worth answering for, refusals and views included.
CREATE TABLE audit (
    id BLOB PRIMARY KEY,
    at INTEGER NOT NULL,
    event TEXT NOT NULL,
    actor TEXT NOT NULL,
    party BLOB,
    subject TEXT NOT NULL,
    details TEXT NOT NULL,
    request_id TEXT
) STRICT;
CREATE INDEX audit_by_party ON audit (party, at);
CREATE INDEX audit_by_subject ON audit (subject, at);

CREATE TABLE party (
    party_uuid BLOB PRIMARY KEY,
    party_id INTEGER NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('organisation', 'person')),
    name TEXT NOT NULL,
    org_number TEXT UNIQUE,
    unit_type TEXT,
    parent BLOB,
    user_id INTEGER UNIQUE,
    national_id_hash BLOB UNIQUE,
    national_id_sealed BLOB
) STRICT;

CREATE TABLE party_role (
    organisation BLOB NOT NULL REFERENCES party (party_uuid),
    role TEXT NOT NULL,
    holder BLOB NOT NULL REFERENCES party (party_uuid),
    PRIMARY KEY (organisation, role, holder)
) STRICT;

CREATE TABLE scope_prefix (
    prefix TEXT PRIMARY KEY,
    org TEXT NOT NULL
) STRICT;

CREATE TABLE scope (
    name TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    document TEXT NOT NULL
) STRICT;

CREATE TABLE scope_access (
    scope TEXT NOT NULL REFERENCES scope (name),
    consumer TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    PRIMARY KEY (scope, consumer)
) STRICT;

CREATE TABLE client (
    client_id TEXT PRIMARY KEY,
    org TEXT NOT NULL,
    document TEXT NOT NULL
) STRICT;
CREATE INDEX client_by_org ON client (org);

CREATE TABLE client_key (
    client_id TEXT NOT NULL REFERENCES client (client_id),
    kid TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (client_id, kid)
) STRICT;

-- Private keys, sealed with a key from the configuration.
CREATE TABLE signing_key (
    kid TEXT PRIMARY KEY,
    purpose TEXT NOT NULL,
    sealed BLOB NOT NULL,
    created INTEGER NOT NULL
) STRICT;

CREATE TABLE system (
    internal_id BLOB PRIMARY KEY,
    system_id TEXT NOT NULL UNIQUE,
    vendor TEXT NOT NULL,
    is_deleted INTEGER NOT NULL,
    created INTEGER NOT NULL,
    document TEXT NOT NULL
) STRICT;
CREATE INDEX system_by_vendor ON system (vendor);

-- Client ids of live systems; one belongs to one system only.
CREATE TABLE system_client (
    client_id TEXT PRIMARY KEY,
    internal_id BLOB NOT NULL REFERENCES system (internal_id)
) STRICT;
CREATE INDEX system_client_by_system ON system_client (internal_id);

-- What vendors did to their systems, as the system's change log shows it to them.
CREATE TABLE system_change (
    id BLOB PRIMARY KEY,
    internal_id BLOB NOT NULL REFERENCES system (internal_id),
    change_type TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    client_id TEXT,
    changed_data TEXT NOT NULL,
    created INTEGER NOT NULL
) STRICT;
CREATE INDEX system_change_by_system ON system_change (internal_id, created);

CREATE TABLE resource (
    identifier TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    version INTEGER NOT NULL,
    document TEXT NOT NULL,
    policy TEXT
) STRICT;

CREATE TABLE request (
    id BLOB PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('standard', 'agent')),
    system_internal_id BLOB NOT NULL REFERENCES system (internal_id),
    party BLOB NOT NULL REFERENCES party (party_uuid),
    external_ref TEXT NOT NULL,
    status TEXT NOT NULL,
    escalated INTEGER NOT NULL,
    is_deleted INTEGER NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    answered INTEGER,
    answered_by BLOB,
    document TEXT NOT NULL
) STRICT;
-- One request at a time for the same system, customer and reference. One that was not answered in time does not count.
CREATE UNIQUE INDEX request_triple ON request (system_internal_id, party, external_ref, kind)
    WHERE NOT is_deleted AND status <> 'Timedout';
CREATE INDEX request_by_triple ON request (system_internal_id, party, external_ref, kind, created);
CREATE INDEX request_by_party ON request (party, status);

CREATE TABLE system_user (
    id BLOB PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('standard', 'agent')),
    system_internal_id BLOB NOT NULL REFERENCES system (internal_id),
    owner BLOB NOT NULL REFERENCES party (party_uuid),
    external_ref TEXT NOT NULL,
    title TEXT NOT NULL,
    is_deleted INTEGER NOT NULL,
    created INTEGER NOT NULL,
    created_by BLOB NOT NULL,
    access_packages TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX system_user_triple ON system_user (system_internal_id, owner, external_ref) WHERE NOT is_deleted;
CREATE INDEX system_user_by_owner ON system_user (owner, system_internal_id, external_ref);

CREATE TABLE system_user_right (
    system_user BLOB NOT NULL REFERENCES system_user (id),
    resource TEXT NOT NULL,
    action TEXT NOT NULL,
    PRIMARY KEY (system_user, resource, action)
) STRICT;

-- Logged-in persons. The browser holds the id, we hold its hash.
CREATE TABLE session (
    id_hash BLOB PRIMARY KEY,
    person BLOB NOT NULL REFERENCES party (party_uuid),
    level INTEGER NOT NULL,
    created INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT;
CREATE INDEX session_by_expiry ON session (expires);
