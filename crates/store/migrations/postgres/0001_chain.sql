-- The one row that says what this database is, who may write to it, and the last number of the change log.
CREATE TABLE installation (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    kind TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL,
    key_check BYTEA NOT NULL,
    epoch BIGINT NOT NULL,
    stopped BIGINT,
    last_change BIGINT NOT NULL
);

-- Every committed change of domain state. Numbers strictly increase in the order of commits.
CREATE TABLE change (
    number BIGINT PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    on_behalf_of TEXT COLLATE "C",
    client_id TEXT COLLATE "C",
    request_id TEXT COLLATE "C",
    at BIGINT NOT NULL
);

-- Everything worth answering for, refusals and views included.
CREATE TABLE audit (
    id UUID PRIMARY KEY,
    at BIGINT NOT NULL,
    event TEXT COLLATE "C" NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    party UUID,
    subject TEXT COLLATE "C" NOT NULL,
    details JSONB NOT NULL,
    request_id TEXT COLLATE "C"
);
CREATE INDEX audit_by_party ON audit (party, at);
CREATE INDEX audit_by_subject ON audit (subject, at);

CREATE TABLE party (
    party_uuid UUID PRIMARY KEY,
    party_id BIGINT NOT NULL UNIQUE,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('organisation', 'person')),
    name TEXT COLLATE "C" NOT NULL,
    org_number TEXT COLLATE "C" UNIQUE,
    unit_type TEXT COLLATE "C",
    parent UUID,
    user_id BIGINT UNIQUE,
    national_id_hash BYTEA UNIQUE,
    national_id_sealed BYTEA
);

CREATE TABLE party_role (
    organisation UUID NOT NULL REFERENCES party (party_uuid),
    role TEXT COLLATE "C" NOT NULL,
    holder UUID NOT NULL REFERENCES party (party_uuid),
    PRIMARY KEY (organisation, role, holder)
);

CREATE TABLE scope_prefix (
    prefix TEXT COLLATE "C" PRIMARY KEY,
    org TEXT COLLATE "C" NOT NULL
);

CREATE TABLE scope (
    name TEXT COLLATE "C" PRIMARY KEY,
    owner TEXT COLLATE "C" NOT NULL,
    document JSONB NOT NULL
);

CREATE TABLE scope_access (
    scope TEXT COLLATE "C" NOT NULL REFERENCES scope (name),
    consumer TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    PRIMARY KEY (scope, consumer)
);

CREATE TABLE client (
    client_id TEXT COLLATE "C" PRIMARY KEY,
    org TEXT COLLATE "C" NOT NULL,
    document JSONB NOT NULL
);
CREATE INDEX client_by_org ON client (org);

CREATE TABLE client_key (
    client_id TEXT COLLATE "C" NOT NULL REFERENCES client (client_id),
    kid TEXT COLLATE "C" NOT NULL,
    document JSONB NOT NULL,
    PRIMARY KEY (client_id, kid)
);

-- Private keys, sealed with a key from the configuration.
CREATE TABLE signing_key (
    kid TEXT COLLATE "C" PRIMARY KEY,
    purpose TEXT COLLATE "C" NOT NULL,
    sealed BYTEA NOT NULL,
    created BIGINT NOT NULL
);

CREATE TABLE system (
    internal_id UUID PRIMARY KEY,
    system_id TEXT COLLATE "C" NOT NULL UNIQUE,
    vendor TEXT COLLATE "C" NOT NULL,
    is_deleted BOOLEAN NOT NULL,
    created BIGINT NOT NULL,
    document JSONB NOT NULL
);
CREATE INDEX system_by_vendor ON system (vendor);

-- Client ids of live systems; one belongs to one system only.
CREATE TABLE system_client (
    client_id TEXT COLLATE "C" PRIMARY KEY,
    internal_id UUID NOT NULL REFERENCES system (internal_id)
);
CREATE INDEX system_client_by_system ON system_client (internal_id);

-- What vendors did to their systems, as the system's change log shows it to them.
CREATE TABLE system_change (
    id UUID PRIMARY KEY,
    internal_id UUID NOT NULL REFERENCES system (internal_id),
    change_type TEXT COLLATE "C" NOT NULL,
    changed_by TEXT COLLATE "C" NOT NULL,
    client_id TEXT COLLATE "C",
    changed_data JSONB NOT NULL,
    created BIGINT NOT NULL
);
CREATE INDEX system_change_by_system ON system_change (internal_id, created);

CREATE TABLE resource (
    identifier TEXT COLLATE "C" PRIMARY KEY,
    owner TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    document JSONB NOT NULL,
    policy TEXT COLLATE "C"
);

CREATE TABLE request (
    id UUID PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('standard', 'agent')),
    system_internal_id UUID NOT NULL REFERENCES system (internal_id),
    party UUID NOT NULL REFERENCES party (party_uuid),
    external_ref TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    escalated BOOLEAN NOT NULL,
    is_deleted BOOLEAN NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    answered BIGINT,
    answered_by UUID,
    document JSONB NOT NULL
);
-- One request at a time for the same system, customer and reference. One that was not answered in time does not count.
CREATE UNIQUE INDEX request_triple ON request (system_internal_id, party, external_ref, kind)
    WHERE NOT is_deleted AND status <> 'Timedout';
CREATE INDEX request_by_triple ON request (system_internal_id, party, external_ref, kind, created);
CREATE INDEX request_by_party ON request (party, status);

CREATE TABLE system_user (
    id UUID PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('standard', 'agent')),
    system_internal_id UUID NOT NULL REFERENCES system (internal_id),
    owner UUID NOT NULL REFERENCES party (party_uuid),
    external_ref TEXT COLLATE "C" NOT NULL,
    title TEXT COLLATE "C" NOT NULL,
    is_deleted BOOLEAN NOT NULL,
    created BIGINT NOT NULL,
    created_by UUID NOT NULL,
    access_packages JSONB NOT NULL
);
CREATE UNIQUE INDEX system_user_triple ON system_user (system_internal_id, owner, external_ref) WHERE NOT is_deleted;
CREATE INDEX system_user_by_owner ON system_user (owner, system_internal_id, external_ref);

CREATE TABLE system_user_right (
    system_user UUID NOT NULL REFERENCES system_user (id),
    resource TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (system_user, resource, action)
);

-- Logged-in persons. The browser holds the id, we hold its hash.
CREATE TABLE session (
    id_hash BYTEA PRIMARY KEY,
    person UUID NOT NULL REFERENCES party (party_uuid),
    level BIGINT NOT NULL,
    created BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX session_by_expiry ON session (expires);
