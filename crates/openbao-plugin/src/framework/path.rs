//! The path of a route, and the paths that match it.

use std::ops::Range;

/// The parameters of a path, by their names in the route: where in the path they are.
pub(super) type Parameters = Vec<(&'static str, Range<usize>)>;

/// The names of a route's parameters, without their prefix: `name` in `config/:name`.
pub(super) fn parameters(route: &'static str) -> impl Iterator<Item = &'static str> {
    route.split('/').filter_map(|segment| segment.strip_prefix([':', '*']))
}

/// Whether a parameter matches the rest of the path, slashes included, and not a name.
pub(super) fn takes_the_rest(route: &str, parameter: &str) -> bool {
    route.split('/').any(|segment| segment.strip_prefix('*') == Some(parameter))
}

/// A route for the host's table of root paths, which supports only `*` at the end. A path with a parameter therefore
/// becomes the prefix before it.
pub(super) fn special_paths(route: &str) -> Vec<String> {
    if let Some(parameter) = route.find([':', '*']) {
        return vec![format!("{}*", &route[..parameter])];
    }
    let without_slash = route.strip_suffix('/').map(str::to_owned);
    [Some(route.to_owned()), without_slash].into_iter().flatten().collect()
}

/// Matches a path, and returns its parameters.
pub(super) fn matches(route: &'static str, path: &str) -> Option<Parameters> {
    // A list request has the slash at its end, its help request does not.
    let (route, path) = match route.strip_suffix('/') {
        Some(list) => (list, path.strip_suffix('/').unwrap_or(path)),
        None => (route, path),
    };
    let (mut start, mut parameters) = (Some(0), Parameters::new());
    for segment in route.split('/') {
        let from = start?;
        if let Some(parameter) = segment.strip_prefix('*') {
            parameters.push((parameter, from..path.len()));
            return (from < path.len()).then_some(parameters);
        }
        let end = path[from..].find('/').map(|length| from + length);
        let range = from..end.unwrap_or(path.len());
        match segment.strip_prefix(':') {
            Some(parameter) if !range.is_empty() => parameters.push((parameter, range)),
            _ if segment == &path[range] => {}
            _ => return None,
        }
        start = end.map(|end| end + 1);
    }
    start.is_none().then_some(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(route: &'static str, path: &str) -> Option<Vec<String>> {
        Some(matches(route, path)?.into_iter().map(|(_, range)| path[range].to_owned()).collect())
    }

    #[test]
    fn a_path_matches_segment_by_segment() {
        for (path, requested, expected) in [
            ("limits", "limits", Some(&[][..])),
            ("limits", "limits/", None),
            ("limits", "limit", None),
            ("limits", "", None),
            ("config/", "config/", Some(&[])),
            ("config/", "config", Some(&[])),
            ("config/", "config//", None),
            ("config/:name", "config/main", Some(&["main"])),
            ("config/:name", "config/a b", Some(&["a b"])),
            ("config/:name", "config/größe", Some(&["größe"])),
            ("config/:name", "config/main/", None),
            ("config/:name", "config/main/more", None),
            ("config/:name", "config/", None),
            ("config/:name", "config", None),
            ("config/:name", "/config/main", None),
            ("config/:name", "Config/main", None),
            ("config/:name", "config/:name", Some(&[":name"])),
            ("config/:name/usage", "config/main/usage", Some(&["main"])),
            ("config/:name/usage", "config/main", None),
            ("config/:name/", "config/main/", Some(&["main"])),
            ("role/:role/id/:id", "role/ci/id/7", Some(&["ci", "7"])),
            ("role/:role/id/:id", "role/ci/id/", None),
            ("role/:role/*rest", "role/ci/a/b", Some(&["ci", "a/b"])),
            ("store/*key", "store/a/b/", Some(&["a/b/"])),
            ("store/*key", "store/", None),
            ("store/*key", "store", None),
        ] {
            let expected: Option<Vec<_>> = expected.map(|names| names.iter().map(|&name| name.to_owned()).collect());
            assert_eq!(values(path, requested), expected, "{requested} at {path}");
        }
    }

    #[test]
    fn special_paths_cover_the_whole_route() {
        for (path, expected) in [
            ("panic", &["panic"][..]),
            ("audit/", &["audit/", "audit"]),
            ("rotate-root/:config", &["rotate-root/*"]),
            ("store/*key", &["store/*"]),
            ("config/:name/usage", &["config/*"]),
        ] {
            assert_eq!(special_paths(path), expected);
        }
    }
}
