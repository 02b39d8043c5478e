//! One path, and its operations.

use futures_util::future::BoxFuture;

use super::call::Call;
use super::field::Field;
use crate::logical::backend::{Operation, Response};
use crate::logical::failure::Failure;

/// A path, its fields and its operations.
pub struct Route<M: 'static> {
    /// The path below the mount. `:name` matches one name, `*key` the rest of the path. A path that ends in `/` is a list,
    /// and matches with and without the slash.
    pub path: &'static str,
    /// One line for the list of paths.
    pub summary: &'static str,
    /// The help text of the path.
    pub help: &'static str,
    /// The fields that a caller may send, beside the parameter in the path.
    pub fields: &'static [Field],
    /// The supported operations.
    pub operations: &'static [RouteOperation<M>],
    /// Distinguishes a create from an update. Without it every write is an update.
    pub exists: Option<Exists<M>>,
    /// Whether the path requires the `sudo` capability. Hosts match a prefix: the path up to its parameter.
    pub sudo: bool,
}

/// An operation of a route.
pub struct RouteOperation<M: 'static> {
    /// The operation. A write is [`Operation::Update`], or with [`exists`](Route::exists) also [`Operation::Create`].
    pub operation: Operation,
    /// One line for the help and the OpenAPI document.
    pub summary: &'static str,
    /// The function that answers.
    pub handler: Handler<M>,
}

/// Answers a call of a mount.
pub type Handler<M> = for<'a> fn(&'a M, Call) -> BoxFuture<'a, Result<Response, Failure>>;

/// Returns whether the target of a call exists. The call has no fields, because they are validated later.
pub type Exists<M> = for<'a> fn(&'a M, Call) -> BoxFuture<'a, Result<bool, Failure>>;

impl<M: 'static> RouteOperation<M> {
    /// The operation's name for callers, who do not distinguish creates from updates.
    pub(super) fn verb(&self) -> &'static str {
        match self.operation {
            Operation::Create | Operation::Update => "write",
            Operation::Read => "read",
            Operation::Patch => "patch",
            Operation::Delete => "delete",
            Operation::List => "list",
            Operation::Help => "help",
            Operation::Renew => "renew",
            Operation::Revoke => "revoke",
            Operation::Rollback => "rollback",
        }
    }
}

impl<M: 'static> Route<M> {
    /// The handler of an operation.
    pub(super) fn find(&self, operation: Operation) -> Option<&RouteOperation<M>> {
        self.operations.iter().find(|candidate| candidate.operation == operation)
    }

    /// The operations as callers see them: a create and an update are one write.
    pub(super) fn operations(&self) -> impl Iterator<Item = &RouteOperation<M>> {
        let has_update = self.find(Operation::Update).is_some();
        self.operations.iter().filter(move |one| !(has_update && one.operation == Operation::Create))
    }

    /// The parameter of the path, without its prefix: `name` in `config/:name`.
    pub(super) fn parameter(&self) -> Option<&'static str> {
        self.path.split('/').find_map(|segment| segment.strip_prefix([':', '*']))
    }

    /// Whether the parameter matches the rest of the path, slashes included, and not a name.
    pub(super) fn takes_the_rest(&self) -> bool {
        self.path.split('/').any(|segment| segment.starts_with('*'))
    }

    /// The path for the host's table of root paths, which supports only `*` at the end. A path with a parameter therefore
    /// becomes the prefix before it.
    pub(super) fn special_paths(&self) -> Vec<String> {
        if let Some(parameter) = self.path.find([':', '*']) {
            return vec![format!("{}*", &self.path[..parameter])];
        }
        let without_slash = self.path.strip_suffix('/').map(str::to_owned);
        [Some(self.path.to_owned()), without_slash].into_iter().flatten().collect()
    }

    /// Matches a path, and returns its parameter, empty for a route without one.
    pub(super) fn matches<'p>(&self, path: &'p str) -> Option<&'p str> {
        // A list request has the slash at its end, its help request does not.
        let (route, path) = match self.path.strip_suffix('/') {
            Some(list) => (list, path.strip_suffix('/').unwrap_or(path)),
            None => (self.path, path),
        };
        let (mut rest, mut parameter) = (Some(path), "");
        for segment in route.split('/') {
            let remaining = rest?;
            if segment.starts_with('*') {
                return (!remaining.is_empty()).then_some(remaining);
            }
            let (first, after) =
                remaining.split_once('/').map_or((remaining, None), |(first, after)| (first, Some(after)));
            if segment.starts_with(':') && !first.is_empty() {
                parameter = first;
            } else if segment != first {
                return None;
            }
            rest = after;
        }
        rest.is_none().then_some(parameter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(path: &'static str) -> Route<()> {
        Route { path, summary: "", help: "", fields: &[], operations: &[], exists: None, sudo: true }
    }

    #[test]
    fn a_path_matches_segment_by_segment() {
        for (path, requested, expected) in [
            ("limits", "limits", Some("")),
            ("limits", "limits/", None),
            ("limits", "limit", None),
            ("limits", "", None),
            ("config/", "config/", Some("")),
            ("config/", "config", Some("")),
            ("config/", "config//", None),
            ("config/:name", "config/main", Some("main")),
            ("config/:name", "config/a b", Some("a b")),
            ("config/:name", "config/main/", None),
            ("config/:name", "config/main/more", None),
            ("config/:name", "config/", None),
            ("config/:name", "config", None),
            ("config/:name", "/config/main", None),
            ("config/:name", "Config/main", None),
            ("config/:name/usage", "config/main/usage", Some("main")),
            ("config/:name/usage", "config/main", None),
            ("config/:name/", "config/main/", Some("main")),
            ("store/*key", "store/a/b/", Some("a/b/")),
            ("store/*key", "store/", None),
            ("store/*key", "store", None),
        ] {
            assert_eq!(route(path).matches(requested), expected, "{requested} at {path}");
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
            assert_eq!(route(path).special_paths(), expected);
        }
    }
}
