-- What has happened to a party, without the decisions about it, which are many more.
CREATE INDEX audit_history ON audit (party, at, id) WHERE event <> 'decision';
DROP INDEX audit_by_party;
