//! When tokens were last issued for system users. Noted in memory as they are issued, and written from time to time: what
//! the last seconds brought is lost when the process is killed, which is no loss to anybody.

use dashmap::DashMap;
use jiff::Timestamp;
use store::StoreError;
use uuid::Uuid;

use crate::app::App;
use crate::notices::Event;

/// How many system users are noted at most between two writings.
const MAX_NOTED: usize = 100_000;
/// How many are written together.
const TOGETHER: usize = 500;

/// What was used since it was last written.
#[derive(Debug, Default)]
pub struct Uses(DashMap<(Uuid, String), Timestamp>);

impl Uses {
    /// Notes that a client got a token for a system user.
    pub fn note(&self, system_user: Uuid, client_id: &str, at: Timestamp) {
        if self.0.len() < MAX_NOTED {
            self.0.insert((system_user, client_id.to_owned()), at);
        }
    }

    fn take(&self) -> Vec<(Uuid, String, Timestamp)> {
        let keys: Vec<_> = self.0.iter().take(TOGETHER).map(|noted| noted.key().clone()).collect();
        keys.into_iter().filter_map(|key| self.0.remove(&key)).map(|((user, client), at)| (user, client, at)).collect()
    }
}

/// Writes what was noted, and tells of what was used for the first time.
pub async fn write(app: &App) -> Result<(), StoreError> {
    loop {
        let noted = app.uses.take();
        if noted.is_empty() {
            return Ok(());
        }
        let first = match app.store.note_uses(&noted).await {
            Ok(first) => first,
            Err(error) => {
                // For the next time, unless it has been used anew.
                for (user, client, at) in noted {
                    app.uses.0.entry((user, client)).or_insert(at);
                }
                return Err(error);
            }
        };
        for user in first.into_iter().filter_map(|id| app.model.system_user(id)) {
            app.tell_of_system_user(Event::SystemUserFirstUsed, &user);
        }
    }
}
