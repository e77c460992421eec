//! `systembruker demo` (the story comes next)
use clap::Args;
/// How to run the demo.
#[derive(Debug, Args)]
pub struct Demo {}
impl Demo {
    /// Runs it.
    pub async fn run(self) -> anyhow::Result<()> {
        Ok(())
    }
}
