//! Where somebody may be sent after signing in: `?next=` names a page of this server and nothing else.
//!
//! Browsers read `//host`, `/\host`, and either with tabs and line ends in between, as another server: so what begins a path
//! of ours is a slash, and then neither a slash, a backslash, nor what is no character of an address.

/// No page of ours has a longer address.
const LONGEST: usize = 2_048;

/// The path, with its query, if it is one of this server.
///
/// ```
/// use domain::own_path::own_path;
/// assert_eq!(own_path("/projects?page=2"), Some("/projects?page=2"));
/// assert_eq!(own_path("//evil.example"), None);
/// ```
#[must_use]
pub fn own_path(next: &str) -> Option<&str> {
    let rest = next.strip_prefix('/')?;
    let is_of_an_address = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    (is_of_an_address && next.len() <= LONGEST && !rest.starts_with('/')).then_some(next)
}
