//! Parts of pages.

pub mod delete_dialog;
pub mod deletion_parts;
pub mod field;
pub mod form;
pub mod fragment;
pub mod icons;
pub mod layout;
pub mod loaded;
pub mod sender;
pub mod status_badge;
pub mod task_row;
pub mod time;
pub mod toast;
