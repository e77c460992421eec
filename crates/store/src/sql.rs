//! Every statement, once, for both engines. Each is prepared on both by a test.

/// What empties the database, in order.
pub(crate) const WIPE: [&str; 33] = [
    DELETE_ACCESS_METADATA,
    WIPE_ACCESS_LIST_RESOURCE,
    WIPE_ACCESS_LIST_MEMBER,
    WIPE_ACCESS_LIST,
    WIPE_CONNECTION_RIGHT,
    WIPE_CONNECTION_PACKAGE,
    WIPE_CONNECTION,
    WIPE_CLIENT_JOB_ITEM,
    WIPE_CLIENT_JOB,
    WIPE_CHANGE_REQUEST,
    WIPE_SYSTEM_USER_USE,
    WIPE_SYSTEM_USER_RIGHT,
    WIPE_SYSTEM_USER_PACKAGE,
    WIPE_SYSTEM_USER_CLIENT_PACKAGE,
    WIPE_SYSTEM_USER_CLIENT,
    WIPE_SYSTEM_USER,
    WIPE_REQUEST,
    WIPE_SYSTEM_CHANGE,
    WIPE_SYSTEM_CLIENT,
    WIPE_SYSTEM,
    WIPE_CLIENT_KEY,
    WIPE_CLIENT,
    WIPE_SCOPE_ACCESS,
    WIPE_SCOPE_DELEGATION,
    WIPE_SCOPE,
    WIPE_SCOPE_PREFIX,
    WIPE_RESOURCE_SUBJECT,
    WIPE_RESOURCE_VERSION,
    WIPE_RESOURCE,
    WIPE_SESSION,
    WIPE_PARTY_ROLE,
    WIPE_PARTY,
    WIPE_AUDIT,
];

macro_rules! statements {
    ($($name:ident = $sql:literal;)*) => {
        $(pub(crate) const $name: &str = $sql;)*
        /// Every statement by name, for the test that prepares them on both engines.
        pub const STATEMENTS: &[(&str, &str)] = &[$((stringify!($name), $sql)),*];
    };
}

statements! {
    // The installation
    INSTALLATION = "SELECT kind, created, key_check, epoch, stopped, last_change, grants_recorded FROM installation WHERE id = 1";
    CREATE_INSTALLATION = "INSERT INTO installation (id, kind, created, key_check, epoch, stopped, last_change, grants_recorded) VALUES (1, $1, $2, $3, 0, NULL, 0, TRUE)";
    TAKE_EPOCH = "UPDATE installation SET epoch = epoch + 1, stopped = NULL WHERE id = 1 RETURNING epoch";
    SET_GRANTS_RECORDED = "UPDATE installation SET grants_recorded = $2 WHERE id = 1 AND epoch = $1";
    BEGIN_WRITE = "UPDATE installation SET epoch = epoch WHERE id = 1 AND epoch = $1 RETURNING last_change";
    SAVE_LAST_CHANGE = "UPDATE installation SET last_change = $1 WHERE id = 1";
    LAST_CHANGE = "SELECT last_change FROM installation WHERE id = 1";
    MARK_STOPPED = "UPDATE installation SET stopped = $2 WHERE id = 1 AND epoch = $1";

    // Starting over, in a sandbox. Those that refer to others come first; signing keys and the change log stay.
    WIPE_ACCESS_LIST_RESOURCE = "DELETE FROM access_list_resource";
    WIPE_ACCESS_LIST_MEMBER = "DELETE FROM access_list_member";
    WIPE_ACCESS_LIST = "DELETE FROM access_list";
    WIPE_CONNECTION_RIGHT = "DELETE FROM connection_right";
    WIPE_CONNECTION_PACKAGE = "DELETE FROM connection_package";
    WIPE_CONNECTION = "DELETE FROM connection";
    WIPE_SYSTEM_USER_PACKAGE = "DELETE FROM system_user_package";
    WIPE_SYSTEM_USER_CLIENT_PACKAGE = "DELETE FROM system_user_client_package";
    WIPE_RESOURCE_SUBJECT = "DELETE FROM resource_subject";
    WIPE_RESOURCE_VERSION = "DELETE FROM resource_version";
    WIPE_SYSTEM_USER_USE = "DELETE FROM system_user_use";
    WIPE_SYSTEM_USER_RIGHT = "DELETE FROM system_user_right";
    WIPE_SYSTEM_USER_CLIENT = "DELETE FROM system_user_client";
    WIPE_SYSTEM_USER = "DELETE FROM system_user";
    WIPE_REQUEST = "DELETE FROM request";
    WIPE_SYSTEM_CHANGE = "DELETE FROM system_change";
    WIPE_SYSTEM_CLIENT = "DELETE FROM system_client";
    WIPE_SYSTEM = "DELETE FROM system";
    WIPE_CLIENT_KEY = "DELETE FROM client_key";
    WIPE_CLIENT = "DELETE FROM client";
    WIPE_SCOPE_ACCESS = "DELETE FROM scope_access";
    WIPE_SCOPE_DELEGATION = "DELETE FROM scope_delegation";
    WIPE_SCOPE = "DELETE FROM scope";
    WIPE_SCOPE_PREFIX = "DELETE FROM scope_prefix";
    WIPE_RESOURCE = "DELETE FROM resource";
    WIPE_SESSION = "DELETE FROM session";
    WIPE_PARTY_ROLE = "DELETE FROM party_role";
    WIPE_PARTY = "DELETE FROM party";
    WIPE_AUDIT = "DELETE FROM audit";

    // Change log and audit journal
    CHANGES_SINCE = "SELECT number, kind, key FROM change WHERE number > $1 ORDER BY number LIMIT 1000";
    INSERT_CHANGE = "INSERT INTO change (number, kind, key, actor, on_behalf_of, client_id, request_id, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    // An entry that was written, but not known to be, is written again.
    INSERT_AUDIT = "INSERT INTO audit (id, at, event, actor, party, subject, details, request_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING";
    AUDIT_OF = "SELECT id, at, event, actor, party, subject, details FROM audit WHERE subject = $1 ORDER BY at, id LIMIT 1000";
    FORWARDINGS_OF = "SELECT id, at, event, actor, party, subject, details FROM audit WHERE subject = $1 AND event IN ('request.escalated', 'request.reminded', 'request.escalation_withdrawn', 'changerequest.escalated', 'changerequest.reminded', 'changerequest.escalation_withdrawn') ORDER BY at DESC, id DESC LIMIT 100";
    IS_AUDITED = "SELECT CAST(1 AS BIGINT) AS number FROM audit WHERE subject = $1 AND event = $2 AND ($3 = '' OR actor = $3) LIMIT 1";
    FORWARDINGS_OF_PARTY = "SELECT id, at, event, actor, party, subject, details FROM audit WHERE party = $1 AND event <> 'decision' AND at >= $2 AND event IN ('request.escalated', 'request.reminded', 'request.escalation_withdrawn', 'changerequest.escalated', 'changerequest.reminded', 'changerequest.escalation_withdrawn') ORDER BY at DESC, id DESC LIMIT 1000";
    LATEST_AUDIT_OF = "SELECT id, at, event, actor, party, subject, details FROM audit WHERE subject = $1 ORDER BY at DESC, id DESC LIMIT $2";
    AUDIT_OF_PARTY = "SELECT id, at, event, actor, party, subject, details FROM audit WHERE party = $1 AND event <> 'decision' AND (event LIKE 'request.%' OR event LIKE 'changerequest.%' OR event LIKE 'systemuser.%' OR event LIKE 'client.%') AND (at, id) < ($2, $3) ORDER BY at DESC, id DESC LIMIT $4";

    // Parties
    ORGANISATIONS = "SELECT party_uuid, party_id, org_number, name, unit_type, parent, ended FROM party WHERE kind = 'organisation'";
    PERSONS = "SELECT party_uuid, party_id, user_id, name, ended, national_id_hash FROM party WHERE kind = 'person'";
    PARTY_ROLES = "SELECT r.organisation, r.role, r.holder, h.kind FROM party_role r JOIN party h ON h.party_uuid = r.holder";
    LARGEST_PARTY_IDS = "SELECT COALESCE(MAX(party_id), 0) AS party_id, COALESCE(MAX(user_id), 0) AS user_id FROM party";
    UPSERT_ORGANISATION = "INSERT INTO party (party_uuid, party_id, kind, name, org_number, unit_type, ended) VALUES ($1, $2, 'organisation', $3, $4, $5, $6) ON CONFLICT (party_uuid) DO UPDATE SET name = excluded.name, unit_type = excluded.unit_type, ended = excluded.ended";
    SET_PARENT = "UPDATE party SET parent = $2 WHERE party_uuid = $1";
    UPSERT_PERSON = "INSERT INTO party (party_uuid, party_id, kind, name, user_id, national_id_hash, national_id_sealed, ended) VALUES ($1, $2, 'person', $3, $4, $5, $6, $7) ON CONFLICT (party_uuid) DO UPDATE SET name = excluded.name, ended = excluded.ended";
    PERSON_BY_NATIONAL_ID = "SELECT party_uuid, party_id, user_id, name, ended, national_id_hash FROM party WHERE national_id_hash = $1";
    NATIONAL_ID_SEALED = "SELECT national_id_sealed FROM party WHERE party_uuid = $1 AND national_id_sealed IS NOT NULL";
    DELETE_ROLES = "DELETE FROM party_role WHERE organisation = $1";
    INSERT_ROLE = "INSERT INTO party_role (organisation, role, holder) VALUES ($1, $2, $3) ON CONFLICT (organisation, role, holder) DO NOTHING";

    // Clients and scopes
    CLIENTS = "SELECT document FROM client";
    CLIENT = "SELECT document FROM client WHERE client_id = $1";
    UPSERT_CLIENT = "INSERT INTO client (client_id, org, document) VALUES ($1, $2, $3) ON CONFLICT (client_id) DO UPDATE SET document = excluded.document";
    ALL_CLIENT_KEYS = "SELECT client_id, document, expiry_noted FROM client_key";
    CLIENT_KEYS = "SELECT client_id, document, expiry_noted FROM client_key WHERE client_id = $1 ORDER BY kid";
    DELETE_CLIENT_KEYS = "DELETE FROM client_key WHERE client_id = $1";
    INSERT_CLIENT_KEY = "INSERT INTO client_key (client_id, kid, document) VALUES ($1, $2, $3)";
    NOTE_KEY_EXPIRY = "UPDATE client_key SET expiry_noted = TRUE WHERE client_id = $1 AND kid = $2 AND NOT expiry_noted";
    SCOPES = "SELECT document FROM scope";
    SCOPE = "SELECT document FROM scope WHERE name = $1";
    INSERT_SCOPE = "INSERT INTO scope (name, owner, document) VALUES ($1, $2, $3)";
    UPDATE_SCOPE = "UPDATE scope SET document = $2 WHERE name = $1";
    ALL_SCOPE_ACCESS = "SELECT scope, consumer, created, updated FROM scope_access";
    SCOPE_ACCESS = "SELECT scope, consumer, created, updated FROM scope_access WHERE scope = $1 ORDER BY consumer";
    SCOPE_ACCESS_OF = "SELECT scope, consumer, created, updated FROM scope_access WHERE scope = $1 AND consumer = $2";
    ACCESS_OF = "SELECT scope, consumer, created, updated FROM scope_access WHERE consumer = $1 ORDER BY scope";
    UPSERT_SCOPE_ACCESS = "INSERT INTO scope_access (scope, consumer, created, updated) VALUES ($1, $2, $3, $3) ON CONFLICT (scope, consumer) DO UPDATE SET updated = excluded.updated";
    DELETE_SCOPE_ACCESS = "DELETE FROM scope_access WHERE scope = $1 AND consumer = $2";
    SCOPE_PREFIXES = "SELECT prefix, org FROM scope_prefix";
    UPSERT_SCOPE_PREFIX = "INSERT INTO scope_prefix (prefix, org) VALUES ($1, $2) ON CONFLICT (prefix) DO UPDATE SET org = excluded.org";

    SCOPE_DELEGATIONS = "SELECT scope, consumer, supplier FROM scope_delegation";
    FIND_SCOPE_DELEGATIONS = "SELECT scope, consumer, supplier, created FROM scope_delegation WHERE consumer = COALESCE($1, consumer) AND supplier = COALESCE($2, supplier) AND scope = COALESCE($3, scope) ORDER BY consumer, supplier, scope LIMIT 1000";
    SCOPE_DELEGATION = "SELECT scope, consumer, supplier FROM scope_delegation WHERE scope = $1 AND consumer = $2 AND supplier = $3";
    INSERT_SCOPE_DELEGATION = "INSERT INTO scope_delegation (scope, consumer, supplier, created) VALUES ($1, $2, $3, $4) ON CONFLICT (scope, consumer, supplier) DO NOTHING";
    DELETE_SCOPE_DELEGATION = "DELETE FROM scope_delegation WHERE scope = $1 AND consumer = $2 AND supplier = $3";

    // Grants that were used
    USE_GRANT = "INSERT INTO used_grant (grant_hash, expires) VALUES ($1, $2) ON CONFLICT (grant_hash) DO NOTHING";
    USED_GRANTS = "SELECT grant_hash, expires FROM used_grant";
    FORGET_GRANTS = "DELETE FROM used_grant WHERE expires <= $1";

    // Signing keys
    SIGNING_KEYS = "SELECT kid, purpose, sealed, created, signs_from, certificates FROM signing_key ORDER BY signs_from, created, kid";
    INSERT_SIGNING_KEY = "INSERT INTO signing_key (kid, purpose, sealed, created, signs_from, certificates) VALUES ($1, $2, $3, $4, $5, $6)";
    DELETE_SIGNING_KEY = "DELETE FROM signing_key WHERE kid = $1";

    // Systems
    SYSTEMS = "SELECT internal_id, system_id, vendor, is_deleted, created, version, changed, document FROM system";
    SYSTEM = "SELECT internal_id, system_id, vendor, is_deleted, created, version, changed, document FROM system WHERE internal_id = $1";
    SYSTEM_BY_ID = "SELECT internal_id, system_id, vendor, is_deleted, created, version, changed, document FROM system WHERE system_id = $1";
    INSERT_SYSTEM = "INSERT INTO system (internal_id, system_id, vendor, is_deleted, created, changed, document) VALUES ($1, $2, $3, $4, $5, $5, $6)";
    UPDATE_SYSTEM = "UPDATE system SET is_deleted = $2, document = $3, version = version + 1, changed = $4 WHERE internal_id = $1";
    DELETE_SYSTEM_CLIENTS = "DELETE FROM system_client WHERE internal_id = $1";
    SYSTEM_CHANGES = "SELECT id, internal_id, change_type, changed_by, client_id, changed_data, created FROM system_change WHERE internal_id = $1 ORDER BY created DESC, id DESC LIMIT 1000";
    SYSTEM_CLIENT = "SELECT internal_id FROM system_client WHERE client_id = $1";
    INSERT_SYSTEM_CLIENT = "INSERT INTO system_client (client_id, internal_id) VALUES ($1, $2)";
    INSERT_SYSTEM_CHANGE = "INSERT INTO system_change (id, internal_id, change_type, changed_by, client_id, changed_data, created) VALUES ($1, $2, $3, $4, $5, $6, $7)";

    // Resources
    RESOURCES = "SELECT document, policy, version_id FROM resource";
    RESOURCE = "SELECT document, policy, version_id FROM resource WHERE identifier = $1";
    INSERT_RESOURCE_VERSION = "INSERT INTO resource_version (identifier, document, created) VALUES ($1, $2, $3) RETURNING version_id";
    RESOURCE_VERSION = "SELECT document FROM resource_version WHERE identifier = $1 AND version_id = $2";
    INSERT_RESOURCE = "INSERT INTO resource (identifier, owner, document, policy, version_id) VALUES ($1, $2, $3, NULL, $4)";
    UPDATE_RESOURCE = "UPDATE resource SET document = $2, version_id = $3 WHERE identifier = $1";
    UPDATE_POLICY = "UPDATE resource SET policy = $2 WHERE identifier = $1";
    DELETE_RESOURCE = "DELETE FROM resource WHERE identifier = $1";
    DELETE_RIGHTS_TO_RESOURCE = "DELETE FROM system_user_right WHERE resource = $1 RETURNING system_user AS id";
    DELETE_CONNECTION_RIGHTS_TO_RESOURCE = "DELETE FROM connection_right WHERE resource = $1 RETURNING giver, receiver";
    DELETE_LISTS_OF_RESOURCE = "DELETE FROM access_list_resource WHERE resource = $1 RETURNING owner, identifier";
    RESOURCE_SUBJECTS = "SELECT subject FROM resource_subject WHERE identifier = $1 AND NOT is_deleted ORDER BY subject";
    LAST_SUBJECT_CHANGE = "SELECT COALESCE(MAX(updated), 0) AS updated FROM resource_subject";
    PUT_RESOURCE_SUBJECT = "INSERT INTO resource_subject (identifier, subject, updated, is_deleted) VALUES ($1, $2, $3, FALSE) ON CONFLICT (identifier, subject) DO UPDATE SET updated = excluded.updated, is_deleted = FALSE WHERE resource_subject.is_deleted";
    DELETE_RESOURCE_SUBJECT = "UPDATE resource_subject SET updated = $3, is_deleted = TRUE WHERE identifier = $1 AND subject = $2 AND NOT is_deleted";
    UPDATED_SUBJECTS = "SELECT identifier, subject, updated, is_deleted FROM resource_subject WHERE updated > $1 OR (updated = $1 AND (identifier > $2 OR (identifier = $2 AND subject > $3))) ORDER BY updated, identifier, subject LIMIT $4";
    RESOURCE_CHANGES = "SELECT key, MAX(number) AS number, MAX(at) AS at FROM change WHERE kind = 'resource' GROUP BY key HAVING MAX(number) > $1 ORDER BY MAX(number) LIMIT $2";

    // Access lists
    ACCESS_LISTS = "SELECT owner, identifier, name, description, version, created, updated FROM access_list";
    ACCESS_LIST = "SELECT owner, identifier, name, description, version, created, updated FROM access_list WHERE owner = $1 AND identifier = $2";
    // A version begins with the time, so that a list that is made anew has none of those of the one before.
    UPSERT_ACCESS_LIST = "INSERT INTO access_list (owner, identifier, name, description, version, created, updated) VALUES ($1, $2, $3, $4, $5, $5, $5) ON CONFLICT (owner, identifier) DO UPDATE SET name = excluded.name, description = excluded.description, version = access_list.version + 1, updated = excluded.updated";
    TOUCH_ACCESS_LIST = "UPDATE access_list SET version = version + 1, updated = $3 WHERE owner = $1 AND identifier = $2";
    DELETE_ACCESS_LIST = "DELETE FROM access_list WHERE owner = $1 AND identifier = $2";
    ALL_ACCESS_LIST_MEMBERS = "SELECT owner, identifier, member, since FROM access_list_member ORDER BY owner, identifier, member";
    ACCESS_LIST_MEMBERS = "SELECT owner, identifier, member, since FROM access_list_member WHERE owner = $1 AND identifier = $2 ORDER BY member";
    INSERT_ACCESS_LIST_MEMBER = "INSERT INTO access_list_member (owner, identifier, member, since) VALUES ($1, $2, $3, $4) ON CONFLICT (owner, identifier, member) DO NOTHING";
    DELETE_ACCESS_LIST_MEMBER = "DELETE FROM access_list_member WHERE owner = $1 AND identifier = $2 AND member = $3";
    ALL_ACCESS_LIST_RESOURCES = "SELECT owner, identifier, resource, actions, created, updated FROM access_list_resource ORDER BY owner, identifier, resource";
    ACCESS_LIST_RESOURCES = "SELECT owner, identifier, resource, actions, created, updated FROM access_list_resource WHERE owner = $1 AND identifier = $2 ORDER BY resource";
    UPSERT_ACCESS_LIST_RESOURCE = "INSERT INTO access_list_resource (owner, identifier, resource, actions, created, updated) VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT (owner, identifier, resource) DO UPDATE SET actions = excluded.actions, updated = excluded.updated";
    DELETE_ACCESS_LIST_RESOURCE = "DELETE FROM access_list_resource WHERE owner = $1 AND identifier = $2 AND resource = $3";

    // Areas, packages and roles
    ACCESS_METADATA = "SELECT document FROM access_metadata WHERE id = 1";
    UPSERT_ACCESS_METADATA = "INSERT INTO access_metadata (id, document) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET document = excluded.document";
    DELETE_ACCESS_METADATA = "DELETE FROM access_metadata";

    // Connections
    CONNECTIONS = "SELECT giver, receiver, created FROM connection";
    CONNECTION = "SELECT giver, receiver, created FROM connection WHERE giver = $1 AND receiver = $2";
    ALL_CONNECTION_PACKAGES = "SELECT giver, receiver, package FROM connection_package ORDER BY giver, receiver, package";
    CONNECTION_PACKAGES = "SELECT giver, receiver, package FROM connection_package WHERE giver = $1 AND receiver = $2 ORDER BY package";
    ALL_CONNECTION_RIGHTS = "SELECT giver, receiver, resource, action FROM connection_right ORDER BY giver, receiver, resource, action";
    CONNECTION_RIGHTS = "SELECT giver, receiver, resource, action FROM connection_right WHERE giver = $1 AND receiver = $2 ORDER BY resource, action";
    INSERT_CONNECTION = "INSERT INTO connection (giver, receiver, created, created_by) VALUES ($1, $2, $3, $4) ON CONFLICT (giver, receiver) DO NOTHING";
    DELETE_CONNECTION = "DELETE FROM connection WHERE giver = $1 AND receiver = $2";
    INSERT_CONNECTION_PACKAGE = "INSERT INTO connection_package (giver, receiver, package) VALUES ($1, $2, $3) ON CONFLICT (giver, receiver, package) DO NOTHING";
    DELETE_CONNECTION_PACKAGE = "DELETE FROM connection_package WHERE giver = $1 AND receiver = $2 AND package = $3";
    INSERT_CONNECTION_RIGHT = "INSERT INTO connection_right (giver, receiver, resource, action) VALUES ($1, $2, $3, $4) ON CONFLICT (giver, receiver, resource, action) DO NOTHING";
    DELETE_CONNECTION_RIGHT = "DELETE FROM connection_right WHERE giver = $1 AND receiver = $2 AND resource = $3 AND action = $4";

    // Requests
    REQUEST = "SELECT r.id, r.kind, r.system_internal_id, s.system_id, r.party, p.org_number, r.external_ref, r.status, r.escalated, r.created, r.expires, r.number, r.answered, r.answered_by, r.document FROM request r JOIN system s ON s.internal_id = r.system_internal_id JOIN party p ON p.party_uuid = r.party WHERE r.id = $1 AND NOT r.is_deleted";
    OPEN_REQUESTS = "SELECT r.id, r.kind, r.system_internal_id, s.system_id, r.party, p.org_number, r.external_ref, r.status, r.escalated, r.created, r.expires, r.number, r.answered, r.answered_by, r.document FROM request r JOIN system s ON s.internal_id = r.system_internal_id JOIN party p ON p.party_uuid = r.party WHERE r.party = $1 AND r.status = 'New' AND NOT r.is_deleted ORDER BY r.number DESC LIMIT 1000";
    REQUESTS_OF_PARTY = "SELECT r.id, r.kind, r.system_internal_id, s.system_id, r.party, p.org_number, r.external_ref, r.status, r.escalated, r.created, r.expires, r.number, r.answered, r.answered_by, r.document FROM request r JOIN system s ON s.internal_id = r.system_internal_id JOIN party p ON p.party_uuid = r.party WHERE r.party = $1 AND NOT r.is_deleted ORDER BY r.number DESC LIMIT 1000";
    LATEST_REQUEST = "SELECT r.id, r.kind, r.system_internal_id, s.system_id, r.party, p.org_number, r.external_ref, r.status, r.escalated, r.created, r.expires, r.number, r.answered, r.answered_by, r.document FROM request r JOIN system s ON s.internal_id = r.system_internal_id JOIN party p ON p.party_uuid = r.party WHERE r.system_internal_id = $1 AND r.party = $2 AND r.external_ref = $3 AND r.kind = $4 AND NOT r.is_deleted ORDER BY r.number DESC LIMIT 1";
    REQUESTS_OF_SYSTEM = "SELECT r.id, r.kind, r.system_internal_id, s.system_id, r.party, p.org_number, r.external_ref, r.status, r.escalated, r.created, r.expires, r.number, r.answered, r.answered_by, r.document FROM request r CROSS JOIN system s CROSS JOIN party p WHERE r.system_internal_id = $1 AND r.kind = $2 AND r.number > $3 AND NOT r.is_deleted AND s.internal_id = r.system_internal_id AND p.party_uuid = r.party ORDER BY r.number LIMIT $4";
    WAITING_REQUESTS = "SELECT COUNT(*) AS number FROM request r JOIN system s ON s.internal_id = r.system_internal_id WHERE s.vendor = $1 AND r.party = $2 AND r.status = 'New' AND NOT r.is_deleted";
    OVERDUE_REQUESTS = "SELECT id FROM request WHERE status = 'New' AND NOT is_deleted AND expires <= $1 LIMIT 1000";
    WITHDRAWN_REQUEST_BY_ID = "SELECT party AS id FROM request WHERE id = $1 AND is_deleted";
    WITHDRAWN_REQUEST = "SELECT id FROM request WHERE system_internal_id = $1 AND party = $2 AND external_ref = $3 AND status = 'New' AND is_deleted LIMIT 1";
    INSERT_REQUEST = "INSERT INTO request (id, kind, system_internal_id, party, external_ref, status, escalated, is_deleted, created, expires, number, document) VALUES ($1, $2, $3, $4, $5, $6, $7, FALSE, $8, $9, $10, $11)";
    ANSWER_REQUEST = "UPDATE request SET status = $2, answered = $3, answered_by = $4 WHERE id = $1 AND status = 'New' AND NOT is_deleted";
    TIME_OUT_REQUEST = "UPDATE request SET status = 'Timedout' WHERE id = $1 AND status = 'New' AND NOT is_deleted";
    SET_REQUEST_ESCALATED = "UPDATE request SET escalated = $2 WHERE id = $1 AND status = 'New' AND NOT is_deleted";
    DELETE_REQUEST = "UPDATE request SET is_deleted = TRUE WHERE id = $1 AND NOT is_deleted";

    // System users
    // In chunks, since there can be millions; CROSS JOIN, because SQLite then begins with the first table.
    SYSTEM_USERS_AFTER = "SELECT u.id, u.kind, u.system_internal_id, s.system_id, u.owner, p.org_number, u.external_ref, u.title, u.is_deleted, u.created, u.created_by FROM system_user u CROSS JOIN system s CROSS JOIN party p WHERE u.id > $1 AND s.internal_id = u.system_internal_id AND p.party_uuid = u.owner ORDER BY u.id LIMIT $2";
    SYSTEM_USERS_OF_SYSTEM = "SELECT id, number FROM system_user WHERE system_internal_id = $1 AND number > $2 AND NOT is_deleted ORDER BY number LIMIT $3";
    SYSTEM_USERS_CHANGED = "SELECT id, last_number, changed FROM system_user WHERE last_number > $1 ORDER BY last_number LIMIT $2";
    SYSTEM_USER_CHANGE = "SELECT id, last_number, changed FROM system_user WHERE id = $1";
    LAST_SYSTEM_USER_CHANGE = "SELECT COALESCE(MAX(last_number), 0) AS last_change FROM system_user";
    SYSTEM_USER = "SELECT u.id, u.kind, u.system_internal_id, s.system_id, u.owner, p.org_number, u.external_ref, u.title, u.is_deleted, u.created, u.created_by FROM system_user u JOIN system s ON s.internal_id = u.system_internal_id JOIN party p ON p.party_uuid = u.owner WHERE u.id = $1";
    DELETED_SYSTEM_USER = "SELECT id FROM system_user WHERE system_internal_id = $1 AND owner = $2 AND external_ref = $3 AND is_deleted LIMIT 1";
    // CROSS JOIN, because SQLite then begins with the first table; it would look through all system users of the system.
    AGENT_WITH_CLIENT = "SELECT u.id FROM system_user_client c CROSS JOIN system_user u WHERE c.client = $2 AND u.id = c.system_user AND u.system_internal_id = $1 AND NOT u.is_deleted LIMIT 1";
    INSERT_SYSTEM_USER_CLIENT = "INSERT INTO system_user_client (system_user, client, created) VALUES ($1, $2, $3) ON CONFLICT (system_user, client) DO NOTHING";
    SYSTEM_USER_RIGHTS = "SELECT system_user, resource, action FROM system_user_right WHERE system_user >= $1 AND system_user <= $2 ORDER BY system_user, resource, action";
    SYSTEM_USER_PACKAGES = "SELECT system_user, package FROM system_user_package WHERE system_user >= $1 AND system_user <= $2 ORDER BY system_user, package";
    SYSTEM_USER_CLIENTS = "SELECT system_user, client FROM system_user_client WHERE system_user >= $1 AND system_user <= $2 ORDER BY system_user, client";
    SYSTEM_USER_CLIENT_PACKAGES = "SELECT system_user, client, role, package FROM system_user_client_package WHERE system_user >= $1 AND system_user <= $2 ORDER BY system_user, client, role, package";
    INSERT_SYSTEM_USER = "INSERT INTO system_user (id, kind, system_internal_id, owner, external_ref, title, is_deleted, created, created_by, number) VALUES ($1, $2, $3, $4, $5, $6, FALSE, $7, $8, $9)";
    // When it was changed last, and by which change; with every change of it.
    STAMP_SYSTEM_USER = "UPDATE system_user SET last_number = $2, changed = $3 WHERE id = $1";
    INSERT_SYSTEM_USER_RIGHT = "INSERT INTO system_user_right (system_user, resource, action) VALUES ($1, $2, $3) ON CONFLICT (system_user, resource, action) DO NOTHING";
    RENAME_SYSTEM_USER = "UPDATE system_user SET title = $2 WHERE id = $1 AND NOT is_deleted";
    PUT_SYSTEM_USER_USE = "INSERT INTO system_user_use (system_user, client_id, first_used, last_used) SELECT id, $2, CAST($3 AS BIGINT), CAST($3 AS BIGINT) FROM system_user WHERE id = $1 ON CONFLICT (system_user, client_id) DO UPDATE SET last_used = CASE WHEN excluded.last_used > system_user_use.last_used THEN excluded.last_used ELSE system_user_use.last_used END";
    SYSTEM_USER_USES = "SELECT system_user, client_id, first_used, last_used FROM system_user_use WHERE system_user = $1 ORDER BY last_used DESC, client_id LIMIT 50";
    SYSTEM_USER_IS_USED = "SELECT CAST(1 AS BIGINT) AS number FROM system_user_use WHERE system_user = $1 LIMIT 1";
    SYSTEM_USERS_LAST_USED = "SELECT v.system_user, MAX(v.last_used) AS last_used FROM system_user u CROSS JOIN system_user_use v WHERE u.owner = $1 AND NOT u.is_deleted AND v.system_user = u.id GROUP BY v.system_user";
    DELETE_SYSTEM_USER = "UPDATE system_user SET is_deleted = TRUE WHERE id = $1 AND NOT is_deleted";
    DELETE_SYSTEM_USER_RIGHTS = "DELETE FROM system_user_right WHERE system_user = $1";
    DELETE_SYSTEM_USER_RIGHT = "DELETE FROM system_user_right WHERE system_user = $1 AND resource = $2 AND action = $3";
    INSERT_SYSTEM_USER_PACKAGE = "INSERT INTO system_user_package (system_user, package) VALUES ($1, $2) ON CONFLICT (system_user, package) DO NOTHING";
    DELETE_SYSTEM_USER_PACKAGE = "DELETE FROM system_user_package WHERE system_user = $1 AND package = $2";
    DELETE_SYSTEM_USER_PACKAGES = "DELETE FROM system_user_package WHERE system_user = $1";
    DELETE_SYSTEM_USER_CLIENTS = "DELETE FROM system_user_client WHERE system_user = $1";
    DELETE_SYSTEM_USER_CLIENT = "DELETE FROM system_user_client WHERE system_user = $1 AND client = $2";
    INSERT_SYSTEM_USER_CLIENT_PACKAGE = "INSERT INTO system_user_client_package (system_user, client, role, package, created) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (system_user, client, role, package) DO NOTHING";
    DELETE_SYSTEM_USER_CLIENT_PACKAGE = "DELETE FROM system_user_client_package WHERE system_user = $1 AND client = $2 AND role = $3 AND package = $4";
    CLIENT_PACKAGES_OF_CLIENT = "SELECT c.system_user, u.owner, c.role, c.package FROM system_user_client_package c CROSS JOIN system_user u WHERE c.client = $1 AND u.id = c.system_user ORDER BY c.system_user, c.role, c.package";
    // What rests on nothing any more.
    DELETE_EMPTY_SYSTEM_USER_CLIENT = "DELETE FROM system_user_client WHERE system_user = $1 AND client = $2 AND NOT EXISTS (SELECT 1 FROM system_user_client_package p WHERE p.system_user = $1 AND p.client = $2)";

    // Change requests
    CHANGE_REQUEST = "SELECT c.id, c.system_user, c.system_internal_id, s.system_id, u.owner AS party, p.org_number, u.external_ref, c.status, c.is_deleted, c.created, c.expires, c.number, c.answered, c.answered_by, c.document FROM change_request c CROSS JOIN system_user u CROSS JOIN system s CROSS JOIN party p WHERE s.internal_id = c.system_internal_id AND p.party_uuid = u.owner AND u.id = c.system_user AND c.id = $1";
    CHANGE_REQUESTS_OF = "SELECT c.id, c.system_user, c.system_internal_id, s.system_id, u.owner AS party, p.org_number, u.external_ref, c.status, c.is_deleted, c.created, c.expires, c.number, c.answered, c.answered_by, c.document FROM change_request c CROSS JOIN system_user u CROSS JOIN system s CROSS JOIN party p WHERE s.internal_id = c.system_internal_id AND p.party_uuid = u.owner AND u.id = c.system_user AND c.system_user = $1 AND NOT c.is_deleted ORDER BY c.number DESC LIMIT 1000";
    CHANGE_REQUESTS_OF_PARTY = "SELECT c.id, c.system_user, c.system_internal_id, s.system_id, u.owner AS party, p.org_number, u.external_ref, c.status, c.is_deleted, c.created, c.expires, c.number, c.answered, c.answered_by, c.document FROM system_user u CROSS JOIN change_request c CROSS JOIN system s CROSS JOIN party p WHERE s.internal_id = c.system_internal_id AND p.party_uuid = u.owner AND u.id = c.system_user AND u.owner = $1 AND (c.status = 'New' OR $2 = 1) AND NOT c.is_deleted ORDER BY c.number DESC LIMIT 1000";
    LATEST_CHANGE_REQUEST = "SELECT c.id, c.system_user, c.system_internal_id, s.system_id, u.owner AS party, p.org_number, u.external_ref, c.status, c.is_deleted, c.created, c.expires, c.number, c.answered, c.answered_by, c.document FROM system_user u CROSS JOIN change_request c CROSS JOIN system s CROSS JOIN party p WHERE s.internal_id = c.system_internal_id AND p.party_uuid = u.owner AND c.system_user = u.id AND u.system_internal_id = $1 AND u.owner = $2 AND u.external_ref = $3 AND NOT c.is_deleted ORDER BY c.number DESC LIMIT 1";
    CHANGE_REQUESTS_OF_SYSTEM = "SELECT c.id, c.system_user, c.system_internal_id, s.system_id, u.owner AS party, p.org_number, u.external_ref, c.status, c.is_deleted, c.created, c.expires, c.number, c.answered, c.answered_by, c.document FROM change_request c CROSS JOIN system_user u CROSS JOIN system s CROSS JOIN party p WHERE s.internal_id = c.system_internal_id AND p.party_uuid = u.owner AND u.id = c.system_user AND c.system_internal_id = $1 AND c.number > $2 AND NOT c.is_deleted ORDER BY c.number LIMIT $3";
    WAITING_CHANGE_REQUESTS = "SELECT COUNT(*) AS number FROM change_request WHERE system_user = $1 AND status = 'New' AND NOT is_deleted";
    OVERDUE_CHANGE_REQUESTS = "SELECT id FROM change_request WHERE status = 'New' AND NOT is_deleted AND expires <= $1 LIMIT 1000";
    INSERT_CHANGE_REQUEST = "INSERT INTO change_request (id, system_user, system_internal_id, status, is_deleted, created, expires, number, document) VALUES ($1, $2, $3, $4, FALSE, $5, $6, $7, $8)";
    ANSWER_CHANGE_REQUEST = "UPDATE change_request SET status = $2, answered = $3, answered_by = $4 WHERE id = $1 AND status = 'New' AND NOT is_deleted";
    TIME_OUT_CHANGE_REQUEST = "UPDATE change_request SET status = 'Timedout' WHERE id = $1 AND status = 'New' AND NOT is_deleted";
    DELETE_CHANGE_REQUEST = "UPDATE change_request SET is_deleted = TRUE WHERE id = $1 AND NOT is_deleted";
    WIPE_CHANGE_REQUEST = "DELETE FROM change_request";

    // Many clients at once
    CLIENT_JOB = "SELECT id, system_user, person, level, created FROM client_job WHERE id = $1";
    CLIENT_JOB_ITEMS = "SELECT job, position, action, client, status, code, detail FROM client_job_item WHERE job = $1 ORDER BY position";
    WAITING_CLIENT_JOB_ITEMS = "SELECT job, position, action, client, status, code, detail FROM client_job_item WHERE status = 'waiting' AND job = (SELECT i.job FROM client_job_item i JOIN client_job j ON j.id = i.job WHERE i.status = 'waiting' ORDER BY j.number LIMIT 1) ORDER BY position LIMIT $1";
    WAITING_CLIENTS_OF = "SELECT COUNT(*) AS number FROM client_job_item i JOIN client_job j ON j.id = i.job WHERE i.status = 'waiting' AND j.system_user = $1";
    INSERT_CLIENT_JOB = "INSERT INTO client_job (id, system_user, person, level, created, number) VALUES ($1, $2, $3, $4, $5, $6)";
    INSERT_CLIENT_JOB_ITEM = "INSERT INTO client_job_item (job, position, action, client, status, code, detail) VALUES ($1, $2, $3, $4, 'waiting', NULL, NULL)";
    FINISH_CLIENT_JOB_ITEM = "UPDATE client_job_item SET status = $3, code = $4, detail = $5 WHERE job = $1 AND position = $2 AND status = 'waiting'";
    WIPE_CLIENT_JOB_ITEM = "DELETE FROM client_job_item";
    WIPE_CLIENT_JOB = "DELETE FROM client_job";

    // Sessions of persons
    INSERT_SESSION = "INSERT INTO session (id_hash, person, level, created, last_seen, expires, provider_sid, id_token) VALUES ($1, $2, $3, $4, $4, $5, $6, $7)";
    SESSION = "SELECT person, level, created, last_seen, expires, provider_sid, id_token FROM session WHERE id_hash = $1";
    TOUCH_SESSION = "UPDATE session SET last_seen = $2 WHERE id_hash = $1";
    DELETE_SESSION = "DELETE FROM session WHERE id_hash = $1";
    DELETE_SESSIONS_OF_PROVIDER = "DELETE FROM session WHERE provider_sid = $1";
    DELETE_OLD_SESSIONS = "DELETE FROM session WHERE expires <= $1 OR last_seen <= $2";
}
