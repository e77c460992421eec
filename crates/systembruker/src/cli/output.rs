//! How commands print what they did: as JSON for scripts, or as lines for people.

use clap::Args;
use serde::Serialize;
use serde_json::Value;
use std::path::PathBuf;

/// What all commands for an installation take.
#[derive(Debug, Args)]
pub struct Common {
    /// The settings of the installation
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

impl Common {
    /// Prints what came of a command.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn print(&self, outcome: &impl Serialize) -> anyhow::Result<()> {
        let value = serde_json::to_value(outcome)?;
        if self.json {
            println!("{}", serde_json::to_string_pretty(&value)?);
        } else {
            print!("{}", lines(&value));
        }
        Ok(())
    }
}

/// An object as lines of name and value; a list of them with an empty line between.
fn lines(value: &Value) -> String {
    match value {
        Value::Array(items) if items.is_empty() => "none\n".to_owned(),
        Value::Array(items) => items.iter().map(lines).collect::<Vec<_>>().join("\n"),
        Value::Object(members) => {
            let width = members.keys().map(String::len).max().unwrap_or_default();
            let shown = members.iter().filter(|(_, value)| !value.is_null());
            let lines: Vec<_> = shown.map(|(name, value)| format!("{name:width$}  {}", plain(value))).collect();
            lines.join("\n") + "\n"
        }
        other => format!("{}\n", plain(other)),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(" "),
        Value::Object(_) => value.to_string(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_came_is_readable() {
        let clients =
            json!([{"client_id": "a", "scopes": ["x:y", "z:w"], "supplier": null}, {"client_id": "b", "active": true}]);
        assert_eq!(lines(&clients), "client_id  a\nscopes     x:y z:w\n\nclient_id  b\nactive     true\n");
        assert_eq!(lines(&json!([])), "none\n");
    }
}
