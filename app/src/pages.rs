//! Pages, one file each.

pub mod delete;
pub mod fragment;
pub mod project_form;
mod route;
pub mod task;
pub mod task_form;
pub mod task_list;
pub mod tasks;
