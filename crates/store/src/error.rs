//! What can go wrong with the store.

use thiserror::Error;

/// A statement or transaction failed.
#[derive(Debug, Error)]
pub enum StoreError {
    /// A value that must be unique is there already. Names the constraint as far as the engine tells.
    #[error("there is already such a row ({0})")]
    Duplicate(String),
    /// What was read is not what was once written: someone has changed the database by hand, or it is broken.
    #[error("the database holds something that cannot be right: {0}")]
    Inconsistent(String),
    /// Another instance has opened the database since; this one must not write.
    #[error("another instance has taken over this database")]
    TakenOver,
    /// The database did not do what it was asked to.
    #[error("the database failed: {0}")]
    Database(#[source] sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) if database.is_unique_violation() => {
                Self::Duplicate(database.constraint().unwrap_or_else(|| database.message()).to_owned())
            }
            _ => Self::Database(error),
        }
    }
}
