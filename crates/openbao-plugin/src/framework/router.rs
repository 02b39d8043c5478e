//! Finds the route of a request, and validates the request.

use serde_json::{Map, Value};

use super::call::Call;
use super::field::FieldKind;
use super::path::{self, Parameters};
use super::refusal::refuse;
use super::route::Route;
use super::value::Values;
use super::{help, name, openapi, value};
use crate::logical::failure::Failure;
use crate::logical::request::{Operation, Request};
use crate::logical::response::Response;

/// The field in which the host sends the mount's type, the prefix of operation ids in the OpenAPI document.
const MOUNT_TYPE: &str = "requestResponsePrefix";

/// An engine's routes. The first route that matches a path handles it.
///
/// It has no state, so it is a `static`; see [`Route`].
#[non_exhaustive]
pub struct Router<M: 'static> {
    /// The purpose of the engine, for the help.
    pub about: &'static str,
    /// The routes.
    pub routes: &'static [Route<M>],
}

impl<M: Send + Sync + 'static> Router<M> {
    /// A table of routes. `about` is the purpose of the engine, for the help.
    pub const fn new(about: &'static str, routes: &'static [Route<M>]) -> Self {
        Self { about, routes }
    }

    /// Answers a request: a create, read, update, patch, delete or list by its route, and help from the table.
    ///
    /// Renewals, revocations and the host's tick have no route: the engine must handle them before.
    ///
    /// # Errors
    ///
    /// 404 for a path without a route, 405 for an operation that the route does not support, 400 for a name or a field
    /// that is invalid or missing, and the handler's own failure.
    pub async fn handle(&self, mount: &M, request: Request) -> Result<Response, Failure> {
        if request.operation == Operation::Help {
            return self.help(&request);
        }
        let (route, parameters) = self.route(&request.path).ok_or(Failure::UnsupportedPath)?;
        let operation = route.find(request.operation).ok_or(Failure::UnsupportedOperation)?;
        check_names(route, &request.path, &parameters)?;
        let values = value::values(route.fields_of(request.operation), &request.data)?;
        check_required(route, request.operation, &values)?;
        let warning = unknown_fields(route, &request);
        let is_read = request.operation == Operation::Read;
        let response = (operation.handler)(mount, Call::new(request, parameters, values)).await?;
        Ok(match warning {
            // With a warning, the empty answer of a read would no longer be a 404.
            Some(_) if is_read && response == Response::empty() => response,
            Some(warning) => response.warning(warning),
            None => response,
        })
    }

    /// Returns whether the target of a write exists; `None` for a path without a route, or a route without
    /// [`exists`](Route::exists).
    ///
    /// An invalid name is not an error here but in [`handle`](Self::handle), because hosts do not show the failure of
    /// this check to the caller.
    ///
    /// # Errors
    ///
    /// The failure of the route's own check.
    pub async fn exists(&self, mount: &M, request: Request) -> Result<Option<bool>, Failure> {
        let Some((route, parameters)) = self.route(&request.path) else { return Ok(None) };
        let Some(exists) = route.exists else { return Ok(None) };
        if check_names(route, &request.path, &parameters).is_err() {
            return Ok(Some(false));
        }
        exists(mount, Call::new(request, parameters, Values::new())).await.map(Some)
    }

    /// Returns the paths that require the `sudo` capability, for [`SpecialPaths::root`], such as `rotate-root/*`.
    ///
    /// [`SpecialPaths::root`]: crate::SpecialPaths::root
    pub fn sudo_paths(&self) -> Vec<String> {
        self.routes.iter().filter(|route| route.sudo).flat_map(|route| path::special_paths(route.path)).collect()
    }

    /// Returns the paths that require no token, for [`SpecialPaths::unauthenticated`], such as `login/*`.
    ///
    /// [`SpecialPaths::unauthenticated`]: crate::SpecialPaths::unauthenticated
    pub fn unauthenticated_paths(&self) -> Vec<String> {
        self.routes
            .iter()
            .filter(|route| route.unauthenticated)
            .flat_map(|route| path::special_paths(route.path))
            .collect()
    }

    pub(super) fn route(&self, requested: &str) -> Option<(&'static Route<M>, Parameters)> {
        self.routes.iter().find_map(|route| Some((route, path::matches(route.path, requested)?)))
    }

    /// The help and the OpenAPI document of a path, or at the empty path of the engine. `bao path-help` shows the help;
    /// the host merges the documents of all mounts at `sys/internal/specs/openapi`.
    pub(super) fn help(&self, request: &Request) -> Result<Response, Failure> {
        let (text, routes) = if request.path.is_empty() {
            (help::engine_text(self.about, self.routes), self.routes)
        } else {
            let (route, _) = self.route(&request.path).ok_or(Failure::UnsupportedPath)?;
            (help::route_text(route, &request.path), std::slice::from_ref(route))
        };
        let mount_type = request.data.get(MOUNT_TYPE).and_then(Value::as_str).unwrap_or_default();
        let mut data = Map::new();
        data.insert("help".to_owned(), Value::from(text));
        data.insert("see_also".to_owned(), Value::Null);
        data.insert("openapi".to_owned(), openapi::document(self.about, routes, mount_type));
        Ok(Response::with_data(data))
    }
}

fn check_names<M: 'static>(route: &Route<M>, requested: &str, parameters: &Parameters) -> Result<(), Failure> {
    let mut names = parameters.iter().filter(|(parameter, _)| !path::takes_the_rest(route.path, parameter));
    names.try_for_each(|(parameter, range)| name::check(parameter, &requested[range.clone()]))
}

/// A create needs all required fields, and so does every write of a route without `exists`.
fn check_required<M: 'static>(route: &Route<M>, operation: Operation, values: &Values) -> Result<(), Failure> {
    let needs_all = operation == Operation::Create || (operation == Operation::Update && route.exists.is_none());
    let missing = route.all_fields().find(|field| field.required && !values.contains_key(field.name));
    match missing {
        Some(field) if needs_all => {
            let hint = format!("send {}: {}", field.name, field.description);
            Err(refuse(format!("{} is missing", field.name), hint))
        }
        _ => Ok(()),
    }
}

/// The warning of Vault's own framework about fields that the route does not name.
fn unknown_fields<M: 'static>(route: &Route<M>, request: &Request) -> Option<String> {
    if route.all_fields().any(|field| field.kind == FieldKind::Rest) {
        return None;
    }
    let is_known = |name: &str| {
        route.fields_of(request.operation).any(|field| field.name == name)
            || path::parameters(route.path).any(|parameter| parameter == name)
    };
    let mut unknown: Vec<_> = request.data.keys().map(String::as_str).filter(|name| !is_known(name)).collect();
    unknown.sort_unstable();
    let warning = || format!("Endpoint ignored these unrecognized parameters: [{}]", unknown.join(" "));
    (!unknown.is_empty()).then(warning)
}
