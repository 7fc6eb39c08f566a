//! Parts of pages that only the server renders: whatever they show, the browser downloads no program for it. Each has an
//! address, as pages do; `api::get_fragment` asks for it, `components::fragment` shows it. Texts are escaped by the
//! rendering, and nothing else makes HTML here.

mod account;
mod accounts;
mod address;
mod audit;
mod badge;
mod chart;
mod deletion;
mod deletions;
#[cfg(test)]
mod escaping;
mod execution;
mod executions;
mod groups;
mod parts;
mod people;
mod project_deletion;
mod projects;
pub mod reference;
mod settings;
mod statistics;
mod timeline;

use crate::api::Fragment;
use crate::components::layout::looks_only;
use crate::error::AppError;
use address::{Address, id};
use backend::access::{Caller, admit, may};
use backend::refusals::noted;
use backend::{Actor, Backend};
use domain::access::{Permission, TokenScope};
use leptos::prelude::*;

pub use executions::of_task;

/// Renders what stands at an address, for who may see it.
pub async fn render(backend: &Backend, caller: &Caller, actor: &Actor, at: &str) -> Result<Fragment, AppError> {
    let admit = async |project, permission| {
        let admitted = admit(backend, caller, project, permission).await;
        noted(backend, actor, Some(project), admitted).await
    };
    let operates = async || noted(backend, actor, None, caller.operator().map(drop).map_err(Into::into)).await;
    noted(backend, actor, None, caller.may_use(TokenScope::Read).map_err(Into::into)).await?;
    let address = Address::parse(at);
    match *address.path() {
        [] | ["projects"] => projects::list(backend, caller, &address).await,
        ["account"] => account::page(backend, caller, &address).await,
        ["deletions"] => {
            operates().await?;
            deletions::board(backend, None, &address).await
        }
        ["accounts"] => {
            operates().await?;
            accounts::page(backend, caller, &address).await
        }
        ["audit"] => {
            operates().await?;
            audit::page(backend, None, &address).await
        }
        ["projects", project, "delete"] => {
            admit(id(project)?, Permission::Manage).await?;
            project_deletion::page(backend, id(project)?).await
        }
        ["projects", project, "audit"] => {
            admit(id(project)?, Permission::Manage).await?;
            audit::page(backend, Some(id(project)?), &address).await
        }
        ["projects", project, ..] => {
            admit(id(project)?, Permission::Read).await?;
            let manages = may(backend, caller, id(project)?, Permission::Manage).await?;
            let shown = of_project(backend, &address, manages).await?;
            Ok(if manages { shown } else { shown.below(&html(looks_only())) })
        }
        _ => Err(address::unknown()),
    }
}

/// What stands at an address inside a project; `manages` says whether its secrets may be shown.
async fn of_project(backend: &Backend, address: &Address<'_>, manages: bool) -> Result<Fragment, AppError> {
    match *address.path() {
        ["projects", project, "deletions"] => deletions::board(backend, Some(id(project)?), address).await,
        ["projects", project, "deletions", deletion] => deletion::page(backend, id(project)?, id(deletion)?).await,
        ["projects", project, "executions"] => executions::of_project(backend, id(project)?, address).await,
        ["projects", project, "executions", execution] => {
            execution::page(backend, id(project)?, id(execution)?, address).await
        }
        ["projects", project, "groups"] => groups::list(backend, id(project)?, address).await,
        ["projects", project, "groups", "new"] => groups::form(backend, id(project)?, None, address).await,
        ["projects", project, "groups", "choice"] => groups::choice(backend, id(project)?, address).await,
        ["projects", project, "groups", group] => groups::form(backend, id(project)?, Some(id(group)?), address).await,
        ["projects", project, "groups", group, "delete"] => groups::deletion(backend, id(project)?, id(group)?).await,
        ["projects", project, "settings"] => settings::page(backend, id(project)?, address, manages).await,
        ["projects", project, "statistics"] => statistics::page(backend, id(project)?).await,
        _ => Err(address::unknown()),
    }
}

/// What is shown, as a text. Marks of the framework by which a browser would find the parts again are left out: texts are
/// escaped, so nothing else looks like them.
fn html(view: AnyView) -> String {
    view.to_html().replace("<!>", "")
}
