-- What the login provider knows a session by, to end it on either side: its own id, and the identity token, sealed.
ALTER TABLE session ADD COLUMN provider_sid TEXT COLLATE "C";
ALTER TABLE session ADD COLUMN id_token BYTEA;
CREATE INDEX session_by_provider ON session (provider_sid);

-- When tokens were issued for a system user: the first one and the last one to each client.
CREATE TABLE system_user_use (
    system_user UUID NOT NULL REFERENCES system_user (id),
    client_id TEXT COLLATE "C" NOT NULL,
    first_used BIGINT NOT NULL,
    last_used BIGINT NOT NULL,
    PRIMARY KEY (system_user, client_id)
);
