//! Finds the route of a request.

use std::collections::BTreeMap;

use super::call::Call;
use super::field::FieldKind;
use super::refusal::refuse;
use super::route::Route;
use super::{name, value};
use crate::vault_plugin::transport::{Failure, Operation, Request, Response};

/// What an engine answers, path by path. The first route that a path matches is its route.
pub struct Router<M: 'static> {
    /// What the engine is for, for people to read.
    pub about: &'static str,
    /// Its paths.
    pub routes: &'static [Route<M>],
}

impl<M: Send + Sync + 'static> Router<M> {
    /// Answers a request: creates, reads, updates, patches, deletes and lists by the routes, and help by itself.
    ///
    /// Renewals, revocations and the host's tick have no route: the engine answers them before.
    ///
    /// # Errors
    ///
    /// 404 for a path without a route, 405 for an operation that the route lacks, 400 for a name or a field that is
    /// wrong or missing, and whatever the route's handler fails with.
    pub async fn handle(&self, mount: &M, request: Request) -> Result<Response, Failure> {
        if request.operation == Operation::Help {
            return self.help(&request);
        }
        let (route, parameter) = self.route(&request.path).ok_or(Failure::UnsupportedPath)?;
        let answer = route.answer(request.operation).ok_or(Failure::UnsupportedOperation)?;
        check_name(route, parameter)?;
        let values = value::values(route.fields, &request.data)?;
        if is_whole(route, request.operation)
            && let Some(field) = route.fields.iter().find(|field| field.required && !values.contains_key(field.name))
        {
            return Err(refuse(
                format!("{} is missing", field.name),
                format!("send {}: {}", field.name, field.description),
            ));
        }
        let ignored = ignored(route, &request);
        let name = parameter.to_owned();
        let response = (answer.handler)(mount, Call::new(request, name, values)).await?;
        Ok(match ignored {
            Some(warning) => response.warning(warning),
            None => response,
        })
    }

    /// Whether what a write names is there; `None` where the route knows no such difference, or there is none.
    ///
    /// What is wrong with the request is left to [`handle`](Self::handle) to say: a host shows no failure of this
    /// question to the caller.
    ///
    /// # Errors
    ///
    /// Whatever the route's own check fails with.
    pub async fn exists(&self, mount: &M, request: Request) -> Result<Option<bool>, Failure> {
        let Some((route, parameter)) = self.route(&request.path) else { return Ok(None) };
        let Some(exists) = route.exists else { return Ok(None) };
        if check_name(route, parameter).is_err() {
            return Ok(Some(false));
        }
        let name = parameter.to_owned();
        exists(mount, Call::new(request, name, BTreeMap::new())).await.map(Some)
    }

    /// The paths for which a policy has to grant `sudo`, as [`SpecialPaths::root`] wants them: `rotate-root/*`.
    ///
    /// [`SpecialPaths::root`]: crate::vault_plugin::transport::SpecialPaths::root
    pub fn sudo_paths(&self) -> Vec<String> {
        self.routes.iter().filter(|route| route.sudo).map(Route::special_path).collect()
    }

    pub(super) fn route<'p>(&self, path: &'p str) -> Option<(&'static Route<M>, &'p str)> {
        self.routes.iter().find_map(|route| Some((route, route.matches(path)?)))
    }
}

fn check_name<M: 'static>(route: &Route<M>, value: &str) -> Result<(), Failure> {
    match route.parameter() {
        Some(parameter) if !route.takes_the_rest() => name::check(parameter, value),
        _ => Ok(()),
    }
}

/// Whether a write has to bring all the required fields.
fn is_whole<M: 'static>(route: &Route<M>, operation: Operation) -> bool {
    operation == Operation::Create || (operation == Operation::Update && route.exists.is_none())
}

/// The words of Vault's own framework, for what a route has no use for.
fn ignored<M: 'static>(route: &Route<M>, request: &Request) -> Option<String> {
    if route.fields.iter().any(|field| field.kind == FieldKind::Others) {
        return None;
    }
    let is_known = |name: &str| route.parameter() == Some(name) || route.fields.iter().any(|field| field.name == name);
    let mut ignored: Vec<_> = request.data.keys().map(String::as_str).filter(|name| !is_known(name)).collect();
    ignored.sort_unstable();
    let warning = || format!("Endpoint ignored these unrecognized parameters: [{}]", ignored.join(" "));
    (!ignored.is_empty()).then(warning)
}
