//! `systembruker scope …`: what organisations offer, and who may use it.

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use model::{OrgNumber, Scope, ScopeName};
use store::Session;

use super::client::refused;
use super::installation::Installation;
use super::output::Common;
use crate::maskinporten::admin::access::AccessDto;
use crate::maskinporten::admin::rules::{ScopeInput, may_be_granted, new_scope};
use crate::maskinporten::admin::scopes::ScopeDto;

/// Commands for scopes.
#[derive(Debug, Subcommand)]
pub enum ScopeCommand {
    /// Make a scope; its prefix must be an organisation's
    Create(Create),
    /// List scopes
    List(List),
    /// Show a scope
    Show(One),
    /// Change a scope; what is not named stays
    Update(Update),
    /// Deactivate a scope: no tokens are issued for it
    Deactivate(One),
    /// Make a deactivated scope active again
    Activate(One),
    /// Show who may use a scope
    Access(One),
    /// Let an organisation use a scope
    Grant(Grant),
    /// Take a scope back from an organisation
    Revoke(Grant),
}

/// Who sees a scope in lists.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Visibility {
    Public,
    Private,
    Internal,
}

/// What can be said of a scope.
#[derive(Debug, Args)]
pub struct Said {
    /// Shown to those who choose among scopes
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Who sees it in lists
    #[arg(long)]
    visibility: Option<Visibility>,
    /// Whether no grant is needed
    #[arg(long, value_name = "BOOL")]
    accessible_for_all: Option<bool>,
    /// Whether one organisation can delegate it to another
    #[arg(long, value_name = "BOOL")]
    delegable: Option<bool>,
    /// Caps the life of tokens; 0 for no cap
    #[arg(long, value_name = "SECONDS")]
    at_max_age: Option<i64>,
    /// A kind of client that may use it; repeat for several
    #[arg(long = "integration-type", value_name = "TYPE")]
    integration_types: Vec<String>,
}

/// How to make a scope.
#[derive(Debug, Args)]
pub struct Create {
    #[command(flatten)]
    common: Common,
    /// Its name: prefix:subscope
    scope: ScopeName,
    #[command(flatten)]
    said: Said,
}

/// Which scopes.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    common: Common,
    /// Only those of this owner
    #[arg(long, value_name = "ORGNO")]
    owner: Option<OrgNumber>,
    /// Deactivated ones, too
    #[arg(long)]
    inactive: bool,
}

/// Which scope.
#[derive(Debug, Args)]
pub struct One {
    #[command(flatten)]
    common: Common,
    /// Its name: prefix:subscope
    scope: ScopeName,
}

/// How to change a scope.
#[derive(Debug, Args)]
pub struct Update {
    #[command(flatten)]
    common: Common,
    /// Its name: prefix:subscope
    scope: ScopeName,
    #[command(flatten)]
    said: Said,
}

/// Who may use which scope.
#[derive(Debug, Args)]
pub struct Grant {
    #[command(flatten)]
    common: Common,
    /// Its name: prefix:subscope
    scope: ScopeName,
    /// The organisation
    #[arg(long, value_name = "ORGNO")]
    org: OrgNumber,
}

impl ScopeCommand {
    /// Runs the command.
    pub async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Create(create) => create.run().await,
            Self::List(list) => list.run().await,
            Self::Show(one) => one.show().await,
            Self::Update(update) => update.run().await,
            Self::Deactivate(one) => one.set_active(false).await,
            Self::Activate(one) => one.set_active(true).await,
            Self::Access(one) => one.access().await,
            Self::Grant(grant) => grant.run(true).await,
            Self::Revoke(grant) => grant.run(false).await,
        }
    }
}

async fn scope(session: &mut Session, name: &ScopeName) -> anyhow::Result<Scope> {
    session.scope(name.as_str()).await?.with_context(|| format!("there is no scope {name}"))
}

impl Said {
    /// Puts what was said into a scope.
    fn apply(self, scope: Scope, installation: &Installation) -> anyhow::Result<Scope> {
        let source = installation.settings.delegation_source()?;
        let types = self.integration_types;
        let input = ScopeInput {
            description: self.description.unwrap_or_else(|| scope.description.clone()),
            long_description: Some(scope.long_description.clone()),
            visibility: Some(
                ScopeDto::visibility(match self.visibility {
                    None => scope.visibility,
                    Some(Visibility::Public) => model::ScopeVisibility::Public,
                    Some(Visibility::Private) => model::ScopeVisibility::Private,
                    Some(Visibility::Internal) => model::ScopeVisibility::Internal,
                })
                .into(),
            ),
            allowed_integration_types: Some(if types.is_empty() {
                scope.allowed_integration_types.clone()
            } else {
                types
            }),
            accessible_for_all: Some(self.accessible_for_all.unwrap_or(scope.accessible_for_all)),
            delegation_source: match self.delegable {
                None => scope.delegation_source.clone(),
                Some(true) => Some(source.clone()),
                Some(false) => None,
            },
            at_max_age: Some(self.at_max_age.unwrap_or(scope.at_max_age)),
            ..ScopeInput::default()
        };
        input.apply(scope, &source, installation.now).map_err(refused)
    }
}

impl Create {
    async fn run(self) -> anyhow::Result<()> {
        let Self { common, scope: name, said } = self;
        let made = Installation::change(&common.config, async |installation, tx| {
            let prefixes = tx.scope_prefixes().await?;
            let owner = prefixes.into_iter().find(|(prefix, _)| prefix == name.prefix()).map(|(_, owner)| owner);
            let owner = owner.with_context(|| {
                let prefix = name.prefix();
                format!("the prefix {prefix} is nobody's; `systembruker prefix give` gives it to an organisation")
            })?;
            anyhow::ensure!(tx.scope(name.as_str()).await?.is_none(), "the scope {name} already exists");
            let scope = said.apply(new_scope(name, owner, installation.now), installation)?;
            tx.insert_scope(&scope).await?;
            Ok(scope)
        });
        common.print(&ScopeDto::from(&made.await?))
    }
}

impl List {
    async fn run(self) -> anyhow::Result<()> {
        let scopes = Installation::read(&self.common.config, async |_, session| Ok(session.scopes().await?));
        let mut scopes = scopes.await?;
        scopes.retain(|scope| self.owner.is_none_or(|owner| scope.owner == owner) && (scope.active || self.inactive));
        scopes.sort_by(|a, b| a.name.cmp(&b.name));
        self.common.print(&scopes.iter().map(ScopeDto::from).collect::<Vec<_>>())
    }
}

impl One {
    async fn show(self) -> anyhow::Result<()> {
        let found = Installation::read(&self.common.config, async |_, session| scope(session, &self.scope).await);
        self.common.print(&ScopeDto::from(&found.await?))
    }

    async fn set_active(self, active: bool) -> anyhow::Result<()> {
        let changed = Installation::change(&self.common.config, async |installation, tx| {
            let scope = Scope { active, updated: installation.now, ..scope(tx, &self.scope).await? };
            tx.update_scope(&scope).await?;
            Ok(scope)
        });
        self.common.print(&ScopeDto::from(&changed.await?))
    }

    async fn access(self) -> anyhow::Result<()> {
        let access = Installation::read(&self.common.config, async |_, session| {
            let scope = scope(session, &self.scope).await?;
            access(session, &scope).await
        });
        self.common.print(&access.await?)
    }
}

/// Who may use a scope.
async fn access(session: &mut Session, scope: &Scope) -> anyhow::Result<Vec<AccessDto>> {
    let access = session.scope_access(scope.name.as_str()).await?;
    Ok(access.iter().map(|access| AccessDto::granted(access, scope.owner)).collect())
}

impl Update {
    async fn run(self) -> anyhow::Result<()> {
        let Self { common, scope: name, said } = self;
        let changed = Installation::change(&common.config, async |installation, tx| {
            let scope = said.apply(scope(tx, &name).await?, installation)?;
            tx.update_scope(&scope).await?;
            Ok(scope)
        });
        common.print(&ScopeDto::from(&changed.await?))
    }
}

impl Grant {
    async fn run(self, grant: bool) -> anyhow::Result<()> {
        let changed = Installation::change(&self.common.config, async |_, tx| {
            let scope = scope(tx, &self.scope).await?;
            if grant {
                may_be_granted(&scope).map_err(|refusal| refused(vec![refusal]))?;
                tx.grant_scope(&scope.name, self.org).await?;
            } else if !tx.revoke_scope(&scope.name, self.org).await? {
                anyhow::bail!("the scope {} is not granted to {}", scope.name, self.org);
            }
            access(tx, &scope).await
        });
        self.common.print(&changed.await?)
    }
}
