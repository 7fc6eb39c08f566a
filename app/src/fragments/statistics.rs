//! The statistics of a project: its last 30 days and their totals.

use super::chart::{self, chart, digits};
use super::html;
use crate::api::Fragment;
use crate::components::layout::ProjectHead;
use crate::error::AppError;
use crate::view;
use backend::Backend;
use domain::execution::DayCounts;
use domain::project::Project;
use leptos::prelude::*;
use uuid::Uuid;

/// The page.
pub async fn page(backend: &Backend, project: Uuid) -> Result<Fragment, AppError> {
    let project = backend::projects::get(backend, project).await?;
    let days = backend::executions::stats(backend, project.id, None, Some(chart::DAYS), None).await?;
    let title = format!("Statistics of {}", project.name);
    Ok(Fragment::new(&title, &html(whole(project, &days))))
}

pub(super) fn whole(project: Project, days: &[DayCounts]) -> AnyView {
    let sum = chart::total(days);
    let counted = |tone: &'static str, name: &'static str, value: String| {
        view! {
            <div class=tone>
                <dt>{name}</dt>
                <dd>{value}</dd>
            </div>
        }
    };
    let bad = if sum.failed > 0 { "red" } else { "" };
    view! {
        <ProjectHead id=project.id name=project.name tab="Statistics" />
        <dl class="counters" aria-label="Executions of the last 30 days">
            {counted("", "OK", digits(sum.success))}
            {counted(bad, "Failed", digits(sum.failed))}
            {counted("", "Cancelled", digits(sum.cancelled))}
            {counted("", "Skipped", digits(sum.skipped))}
            {counted("", "Ended well", share(&sum))}
        </dl>
        <section class="card pad" aria-labelledby="days">
            <h2 id="days">"Last 30 days " <span class="zone">"UTC"</span></h2>
            {chart(days)}
        </section>
    }
}

/// Of what ended by itself, how much ended well: never rounded up to all.
fn share(sum: &DayCounts) -> String {
    match sum.success + sum.failed {
        0 => "—".to_owned(),
        all => {
            let permille = sum.success * 1_000 / all;
            format!("{}.{} %", permille / 10, permille % 10)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::share;
    use domain::execution::DayCounts;

    #[test]
    fn the_share_of_what_ended_well_is_all_only_if_nothing_failed() {
        let of = |success, failed| share(&DayCounts { success, failed, ..DayCounts::default() });
        assert_eq!((of(0, 0), of(5, 0), of(0, 2)), ("—".to_owned(), "100.0 %".to_owned(), "0.0 %".to_owned()));
        assert_eq!(of(99_999, 1), "99.9 %");
    }
}
