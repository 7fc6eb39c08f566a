//! Paths of pages, for the router. One type for all, where the router's own is another for every number and kind of
//! segments: what matches them is downloaded once.

use leptos_router::{PartialPathMatch, PathSegment, PossibleRouteMatch};

/// The path of a page, such as `projects/:project/tasks/new`: a colon begins a parameter, a star takes all that is left.
#[derive(Clone, Copy, Debug)]
pub struct At(pub &'static str);

impl PossibleRouteMatch for At {
    fn optional(&self) -> bool {
        false
    }

    fn test<'a>(&self, path: &'a str) -> Option<PartialPathMatch<'a>> {
        let mut params = Vec::new();
        let mut rest = path.trim_matches('/');
        for segment in self.0.split('/').filter(|segment| !segment.is_empty()) {
            let (found, after) = rest.split_once('/').unwrap_or((rest, ""));
            match segment.split_at(1) {
                (":", name) if !found.is_empty() => params.push((name.into(), found.to_owned())),
                ("*", name) if !found.is_empty() => {
                    params.push((name.into(), rest.to_owned()));
                    return Some(PartialPathMatch::new("", params, path));
                }
                _ if segment == found => {}
                _ => return None,
            }
            rest = after;
        }
        rest.is_empty().then(|| PartialPathMatch::new("", params, path))
    }

    fn generate_path(&self, path: &mut Vec<PathSegment>) {
        path.extend(self.0.split('/').filter(|segment| !segment.is_empty()).map(|segment| match segment.split_at(1) {
            (":", name) => PathSegment::Param(name.into()),
            ("*", name) => PathSegment::Splat(name.into()),
            _ => PathSegment::Static(segment.into()),
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::At;
    use leptos_router::{PathSegment, PossibleRouteMatch};

    fn matched(at: At, path: &str) -> Option<Vec<String>> {
        at.test(path).map(|found| found.params().into_iter().map(|(_, value)| value).collect())
    }

    #[test]
    fn a_path_matches_whole_segments_and_gives_its_parameters() {
        assert_eq!(matched(At(""), "/"), Some(vec![]));
        assert_eq!(matched(At(""), "/projects"), None);
        assert_eq!(matched(At("projects"), "/projects/"), Some(vec![]));
        assert_eq!(matched(At("projects"), "/project"), None);
        assert_eq!(matched(At("projects/:project"), "/projects"), None);
        assert_eq!(matched(At("projects/:project"), "/projects/7/tasks"), None);
        assert_eq!(
            matched(At("projects/:project/tasks/:task"), "/projects/7/tasks/9"),
            Some(vec!["7".into(), "9".into()])
        );
    }

    #[test]
    fn a_star_takes_all_that_is_left_but_not_nothing() {
        let at = At("projects/:project/*view");
        assert_eq!(matched(at, "/projects/7/executions/9"), Some(vec!["7".into(), "executions/9".into()]));
        assert_eq!(matched(at, "/projects/7/"), None);
        assert_eq!(matched(At("*view"), "/deletions/"), Some(vec!["deletions".into()]));
        assert_eq!(matched(At("*view"), "/"), None);
        let mut path = Vec::new();
        at.generate_path(&mut path);
        assert_eq!(path.last(), Some(&PathSegment::Splat("view".into())));
    }
}
