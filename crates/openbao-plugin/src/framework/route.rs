//! One path and what it answers.

use futures_util::future::BoxFuture;

use super::call::Call;
use super::field::Field;
use crate::{Failure, Operation, Response};

/// A path, and what may be done there.
pub struct Route<M: 'static> {
    /// The path below the mount: `config/:name` takes one name, `store/*key` the rest of the path. A path that ends in
    /// `/` is a list, with the slash or without it.
    pub path: &'static str,
    /// One line for the list of paths.
    pub summary: &'static str,
    /// The text for who asks about this path.
    pub help: &'static str,
    /// What a caller may send beside the path's own parameters.
    pub fields: &'static [Field],
    /// What may be done.
    pub operations: &'static [Answer<M>],
    /// Tells a create from an update. Without it every write is an update.
    pub exists: Option<Exists<M>>,
    /// Whether a policy has to grant `sudo`. Hosts guard all that begins like the path up to its parameter.
    pub sudo: bool,
}

/// An operation of a route.
pub struct Answer<M: 'static> {
    /// What is asked for. Writes are [`Operation::Update`] and, where the route has [`exists`](Route::exists),
    /// [`Operation::Create`] as well.
    pub operation: Operation,
    /// One line for the API's description.
    pub summary: &'static str,
    /// What answers.
    pub handler: Handler<M>,
}

/// Answers a call on a mount.
pub type Handler<M> = for<'a> fn(&'a M, Call) -> BoxFuture<'a, Result<Response, Failure>>;

/// Whether what a call names is there. The call has no fields: they are checked once it is known what is asked for.
pub type Exists<M> = for<'a> fn(&'a M, Call) -> BoxFuture<'a, Result<bool, Failure>>;

impl<M: 'static> Route<M> {
    /// What takes the operation.
    pub(super) fn answer(&self, operation: Operation) -> Option<&Answer<M>> {
        self.operations.iter().find(|answer| answer.operation == operation)
    }

    /// The operations, with one for creates and updates where there are both: callers know them as writes.
    pub(super) fn operations(&self) -> impl Iterator<Item = &Answer<M>> {
        let both = self.answer(Operation::Update).is_some();
        self.operations.iter().filter(move |answer| !(both && answer.operation == Operation::Create))
    }

    /// The path's parameter, without its mark: `name` of `config/:name`.
    pub(super) fn parameter(&self) -> Option<&'static str> {
        self.path.split('/').find_map(|segment| segment.strip_prefix([':', '*']))
    }

    /// Whether the parameter is the rest of the path, slashes and all, rather than a name.
    pub(super) fn takes_the_rest(&self) -> bool {
        self.path.split('/').any(|segment| segment.starts_with('*'))
    }

    /// The path as the host's table of root paths takes it: whole, or with `*` at the end for all that begins so. It
    /// knows no other mark, so what follows a parameter is lost, and what begins likewise is guarded too.
    pub(super) fn special_paths(&self) -> Vec<String> {
        if let Some(parameter) = self.path.find([':', '*']) {
            return vec![format!("{}*", &self.path[..parameter])];
        }
        let without_slash = self.path.strip_suffix('/').map(str::to_owned);
        [Some(self.path.to_owned()), without_slash].into_iter().flatten().collect()
    }

    /// Whether a path is this route's: then its parameter, empty where the route has none.
    pub(super) fn matches<'p>(&self, path: &'p str) -> Option<&'p str> {
        // A list is asked for with a slash at its end, and explained without.
        let (route, path) = match self.path.strip_suffix('/') {
            Some(list) => (list, path.strip_suffix('/').unwrap_or(path)),
            None => (self.path, path),
        };
        let (mut rest, mut parameter) = (Some(path), "");
        for segment in route.split('/') {
            let here_on = rest?;
            if segment.starts_with('*') {
                return (!here_on.is_empty()).then_some(here_on);
            }
            let (here, after) = here_on.split_once('/').map_or((here_on, None), |(here, after)| (here, Some(after)));
            if segment.starts_with(':') && !here.is_empty() {
                parameter = here;
            } else if segment != here {
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
        for (path, asked, expected) in [
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
            assert_eq!(route(path).matches(asked), expected, "{asked} at {path}");
        }
    }

    #[test]
    fn the_host_guards_no_less_than_the_path() {
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
