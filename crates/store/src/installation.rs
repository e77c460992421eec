//! Opening a database: which engine, which kind of installation, and that no other instance lives on it.

use std::fmt;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, PgConnection, PgPool, SqlitePool};
use thiserror::Error;
use tokio::sync::Mutex;

use crate::changes::{AuditEntry, ChangeContext, timestamp};
use crate::error::StoreError;
use crate::session::{Connection, Session, Write, execute, fetch_optional};
use crate::sql;

/// The advisory lock that an instance on PostgreSQL holds: the bytes `sysbruke`.
const POSTGRES_LOCK: i64 = 0x7379_7362_7275_6b65;
/// How long to wait for a connection or a lock of the database.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long an answer may take when asking whether we still hold the lock.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);

/// Where the data is.
#[derive(Clone, PartialEq, Eq)]
pub enum Database {
    /// A file, made if it is not there.
    Sqlite(PathBuf),
    /// A PostgreSQL database, by URL.
    Postgres(String),
}

/// Why a text does not say where the data is. The text is not repeated, since it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a database is given as sqlite:PATH or postgres://USER@HOST/NAME")]
pub struct DatabaseUrlError;

impl FromStr for Database {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.is_empty() { Err(DatabaseUrlError) } else { Ok(Self::Sqlite(path.into())) };
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(text.to_owned()));
        }
        Err(DatabaseUrlError)
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(formatter, "sqlite:{}", path.display()),
            // The URL may hold a password.
            Self::Postgres(_) => formatter.write_str("postgres://…"),
        }
    }
}

/// What an installation is for. A database remembers it and is never opened as the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstallationKind {
    /// For trying things out: made-up people, a clock that can be turned, everything may be wiped.
    Sandbox,
    /// For real.
    Production,
}

impl InstallationKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Production => "production",
        }
    }
}

impl fmt::Display for InstallationKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What a database says of itself when it is opened.
#[derive(Debug, Clone)]
pub struct Installation {
    /// Something sealed with the installation's key when it was made, so that a wrong key is noticed at once.
    pub key_check: Vec<u8>,
    /// When the database was made.
    pub created: Timestamp,
    /// When the last instance stopped in good order; `None` if it did not, and for a new database.
    pub stopped: Option<Timestamp>,
    /// Whether the database knows all grants that the last instance took.
    pub grants_recorded: bool,
}

/// Why a database cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another instance lives on it.
    #[error("another instance is running on {0:?}; stop it first, or use its APIs")]
    InUse(Database),
    /// It belongs to the other kind of installation.
    #[error("{database:?} belongs to a {found} installation and cannot be opened as {wanted}; use another database")]
    OtherKind {
        /// Which database.
        database: Database,
        /// What it is.
        found: String,
        /// What it should have been.
        wanted: InstallationKind,
    },
    /// The lock file beside an SQLite database cannot be made.
    #[error("the file {0} cannot be written: {1}")]
    LockFile(PathBuf, std::io::Error),
    /// Its tables cannot be brought up to date.
    #[error("the tables of {0:?} cannot be brought up to date: {1}")]
    Migration(Database, sqlx::migrate::MigrateError),
    /// It cannot be reached or does not answer as it should.
    #[error("{0:?} cannot be opened: {1}")]
    Database(Database, StoreError),
}

enum Engine {
    Sqlite {
        read: SqlitePool,
        write: SqlitePool,
        _lock: File,
    },
    /// Those who wait to change domain state wait for the one connection of `writer`, so that they hold none that others
    /// need, the one who writes among them.
    Postgres {
        pool: PgPool,
        writer: PgPool,
        options: Box<PgConnectOptions>,
        lock: Mutex<Option<PgConnection>>,
    },
}

/// An open database on which this is the one live instance.
pub struct Store {
    database: Database,
    engine: Engine,
    /// The epoch that this instance took when it opened the database, without which no write begins.
    epoch: AtomicI64,
}

#[derive(sqlx::FromRow)]
struct InstallationRow {
    kind: String,
    created: i64,
    key_check: Vec<u8>,
    stopped: Option<i64>,
    grants_recorded: bool,
}

#[derive(sqlx::FromRow)]
struct EpochRow {
    epoch: i64,
}

#[derive(sqlx::FromRow)]
struct LastChangeRow {
    last_change: i64,
}

impl Store {
    /// Opens `database`, makes its tables, and becomes the one instance on it. A new one becomes an installation of
    /// this `kind` and keeps `key_check`.
    pub async fn open(
        database: Database,
        kind: InstallationKind,
        key_check: &[u8],
        now: Timestamp,
    ) -> Result<(Self, Installation), OpenError> {
        let engine = match &database {
            Database::Sqlite(path) => open_sqlite(&database, path).await?,
            Database::Postgres(url) => open_postgres(&database, url).await?,
        };
        let store = Self { database, engine, epoch: AtomicI64::new(0) };
        let installation = store
            .claim(kind, key_check, now)
            .await
            .map_err(|error| OpenError::Database(store.database.clone(), error))??;
        Ok((store, installation))
    }

    async fn claim(
        &self,
        kind: InstallationKind,
        key_check: &[u8],
        now: Timestamp,
    ) -> Result<Result<Installation, OpenError>, StoreError> {
        let mut session = self.write_session().await?;
        let found = fetch_optional!(session, InstallationRow, sql::INSTALLATION)?;
        let installation = match found {
            Some(row) if row.kind != kind.as_str() => {
                let database = self.database.clone();
                return Ok(Err(OpenError::OtherKind { database, found: row.kind, wanted: kind }));
            }
            Some(row) => {
                let stopped = row.stopped.map(timestamp).transpose()?;
                let (created, grants_recorded) = (timestamp(row.created)?, row.grants_recorded);
                Installation { key_check: row.key_check, created, stopped, grants_recorded }
            }
            None => {
                execute!(session, sql::CREATE_INSTALLATION, kind.as_str(), now.as_microsecond(), key_check)?;
                let key_check = key_check.to_vec();
                Installation { key_check, created: now, stopped: None, grants_recorded: true }
            }
        };
        self.take_epoch(session).await?;
        Ok(Ok(installation))
    }

    async fn take_epoch(&self, mut session: Session) -> Result<(), StoreError> {
        let row = fetch_optional!(session, EpochRow, sql::TAKE_EPOCH)?;
        let row = row.ok_or_else(|| StoreError::Inconsistent("no installation".into()))?;
        session.commit().await?;
        self.epoch.store(row.epoch, Ordering::SeqCst);
        Ok(())
    }

    /// The epoch of this instance.
    pub(crate) fn epoch(&self) -> i64 {
        self.epoch.load(Ordering::SeqCst)
    }

    /// Begins to read. What is read is one snapshot.
    pub async fn read(&self) -> Result<Session, StoreError> {
        let connection = match &self.engine {
            Engine::Sqlite { read, .. } => Connection::Sqlite(read.begin().await?),
            Engine::Postgres { pool, .. } => {
                Connection::Postgres(pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?)
            }
        };
        Ok(Session(connection))
    }

    async fn write_session(&self) -> Result<Session, StoreError> {
        let connection = match &self.engine {
            Engine::Sqlite { write, .. } => Connection::Sqlite(write.begin_with("BEGIN IMMEDIATE").await?),
            Engine::Postgres { pool, .. } => Connection::Postgres(pool.begin().await?),
        };
        Ok(Session(connection))
    }

    /// Begins a change of domain state at `now`. Waits until every earlier one has ended.
    pub async fn write(&self, context: ChangeContext, now: Timestamp) -> Result<Write, StoreError> {
        let mut session = match &self.engine {
            Engine::Sqlite { .. } => self.write_session().await?,
            Engine::Postgres { writer, .. } => Session(Connection::Postgres(writer.begin().await?)),
        };
        let row =
            fetch_optional!(session, LastChangeRow, sql::BEGIN_WRITE, self.epoch())?.ok_or(StoreError::TakenOver)?;
        Ok(Write::new(session, context, now, row.last_change))
    }

    /// Begins to write what is no domain state: sessions of persons, used grants.
    pub(crate) async fn bookkeeping(&self) -> Result<Session, StoreError> {
        self.write_session().await
    }

    /// Writes an entry of the audit journal that goes with no change.
    pub async fn audit(&self, entry: AuditEntry, context: &ChangeContext, now: Timestamp) -> Result<(), StoreError> {
        let mut session = self.bookkeeping().await?;
        session.insert_audit(entry, &context.actor, now, context.request_id.as_deref()).await?;
        session.commit().await
    }

    /// Whether this is still the one live instance. Where the connection that holds the lock was lost, tries to take it
    /// again; on success, changes that others made meanwhile are in the change log.
    pub async fn still_ours(&self) -> bool {
        let Engine::Postgres { options, lock, .. } = &self.engine else { return true };
        let mut lock = lock.lock().await;
        if let Some(connection) = lock.as_mut() {
            if matches!(tokio::time::timeout(LOCK_PATIENCE, connection.ping()).await, Ok(Ok(()))) {
                return true;
            }
            *lock = None;
        }
        let retake = async {
            let connection = take_postgres_lock(options).await.ok()??;
            let session = self.write_session().await.ok()?;
            self.take_epoch(session).await.ok()?;
            Some(connection)
        };
        *lock = tokio::time::timeout(PATIENCE, retake).await.ok().flatten();
        lock.is_some()
    }

    /// Notes that this instance has stopped in good order at `now`, and closes all connections.
    pub async fn close(self, now: Timestamp) -> Result<(), StoreError> {
        let mut session = self.write_session().await?;
        execute!(session, sql::MARK_STOPPED, self.epoch(), now.as_microsecond())?;
        session.commit().await?;
        match self.engine {
            Engine::Sqlite { read, write, .. } => {
                read.close().await;
                write.close().await;
            }
            Engine::Postgres { pool, writer, lock, .. } => {
                writer.close().await;
                pool.close().await;
                if let Some(mut connection) = lock.into_inner() {
                    // Given back by name: a server notices only after a moment that a connection has ended.
                    sqlx::query("SELECT pg_advisory_unlock($1)").bind(POSTGRES_LOCK).execute(&mut connection).await?;
                    connection.close().await?;
                }
            }
        }
        Ok(())
    }

    /// The tables and columns there are, as `table.column`, sorted.
    ///
    /// The two engines' migrations are written apart; a test compares what they lead to.
    pub async fn columns(&self) -> Result<Vec<String>, StoreError> {
        let mut names: Vec<(String,)> = match &self.engine {
            Engine::Sqlite { read, .. } => {
                let query = "SELECT m.name || '.' || c.name FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'";
                sqlx::query_as(query).fetch_all(read).await?
            }
            Engine::Postgres { pool, .. } => {
                let query = "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = current_schema()";
                sqlx::query_as(query).fetch_all(pool).await?
            }
        };
        names.sort();
        Ok(names.into_iter().map(|(name,)| name).filter(|name| !name.starts_with("_sqlx")).collect())
    }

    /// Prepares every statement, and returns those that the engine refuses, with its reason.
    pub async fn refused_statements(&self) -> Result<Vec<String>, StoreError> {
        use sqlx::{Executor as _, SqlSafeStr as _};
        let mut refused = Vec::new();
        for (name, statement) in sql::STATEMENTS {
            let result = match &self.engine {
                Engine::Sqlite { read, .. } => {
                    read.acquire().await?.prepare(statement.into_sql_str()).await.map(|_| ())
                }
                Engine::Postgres { pool, .. } => {
                    pool.acquire().await?.prepare(statement.into_sql_str()).await.map(|_| ())
                }
            };
            if let Err(error) = result {
                refused.push(format!("{name}: {error}"));
            }
        }
        Ok(refused)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Store({:?})", self.database)
    }
}

async fn open_sqlite(database: &Database, path: &Path) -> Result<Engine, OpenError> {
    let mut lock_path = path.as_os_str().to_owned();
    lock_path.push(".lock");
    let lock_path = PathBuf::from(lock_path);
    let lock = File::options().create(true).truncate(false).write(true).open(&lock_path);
    let lock = lock.map_err(|error| OpenError::LockFile(lock_path.clone(), error))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(OpenError::InUse(database.clone())),
        Err(TryLockError::Error(error)) => return Err(OpenError::LockFile(lock_path, error)),
    }
    create_for_owner(path).map_err(|error| OpenError::Database(database.clone(), sqlx::Error::Io(error).into()))?;
    // FULL: a committed change survives a power cut.
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(PATIENCE);
    let failed = |error: sqlx::Error| OpenError::Database(database.clone(), error.into());
    // One connection writes, so that no writer ever waits on a lock it could not get.
    let write = SqlitePoolOptions::new().max_connections(1).acquire_timeout(PATIENCE);
    let write = write.connect_with(options.clone()).await.map_err(failed)?;
    let migrations = sqlx::migrate!("migrations/sqlite");
    migrations.run(&write).await.map_err(|error| OpenError::Migration(database.clone(), error))?;
    let read = SqlitePoolOptions::new().max_connections(4).acquire_timeout(PATIENCE);
    let read = read.connect_with(options.read_only(true)).await.map_err(failed)?;
    Ok(Engine::Sqlite { read, write, _lock: lock })
}

/// Makes the file where it is not there, readable by its owner alone: it says who has decided what. The engine gives its
/// other files the same rights.
fn create_for_owner(path: &Path) -> std::io::Result<()> {
    let mut options = File::options();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

async fn open_postgres(database: &Database, url: &str) -> Result<Engine, OpenError> {
    let failed = |error: sqlx::Error| OpenError::Database(database.clone(), error.into());
    let options: PgConnectOptions = url.parse().map_err(failed)?;
    let lock = tokio::time::timeout(PATIENCE, take_postgres_lock(&options)).await;
    let lock = lock.map_err(|_| failed(sqlx::Error::PoolTimedOut))?.map_err(failed)?;
    let lock = lock.ok_or_else(|| OpenError::InUse(database.clone()))?;
    let pool = PgPoolOptions::new().max_connections(16).acquire_timeout(PATIENCE);
    let pool = pool.connect_with(options.clone()).await.map_err(failed)?;
    let migrations = sqlx::migrate!("migrations/postgres");
    migrations.run(&pool).await.map_err(|error| OpenError::Migration(database.clone(), error))?;
    let writer = PgPoolOptions::new().max_connections(1).acquire_timeout(PATIENCE);
    let writer = writer.connect_lazy_with(options.clone());
    Ok(Engine::Postgres { pool, writer, options: Box::new(options), lock: Mutex::new(Some(lock)) })
}

/// A connection that holds the lock as long as it lives; `None` where another instance has it.
async fn take_postgres_lock(options: &PgConnectOptions) -> Result<Option<PgConnection>, sqlx::Error> {
    let mut connection = PgConnection::connect_with(options).await?;
    let (taken,): (bool,) =
        sqlx::query_as("SELECT pg_try_advisory_lock($1)").bind(POSTGRES_LOCK).fetch_one(&mut connection).await?;
    Ok(taken.then_some(connection))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_named_by_its_engine() {
        assert_eq!("sqlite:a/b.db".parse(), Ok(Database::Sqlite("a/b.db".into())));
        assert_eq!("sqlite:///a/b.db".parse(), Ok(Database::Sqlite("/a/b.db".into())));
        assert!(matches!("postgres://u:p@h/d".parse(), Ok(Database::Postgres(_))));
        for wrong in ["", "sqlite:", "mysql://h/d", "a.db"] {
            assert_eq!(wrong.parse::<Database>(), Err(DatabaseUrlError));
        }
        assert_eq!(format!("{:?}", Database::Postgres("postgres://u:secret@h/d".into())), "postgres://…");
    }
}
