//! Finds the route of a request.

use super::call::Call;
use super::field::FieldKind;
use super::refusal::refuse;
use super::route::Route;
use super::value::Values;
use super::{name, value};
use crate::{Failure, Operation, Request, Response};

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
        check_required(route, request.operation, &values)?;
        let ignored = ignored(route, &request);
        let is_read = request.operation == Operation::Read;
        let name = parameter.to_owned();
        let response = (answer.handler)(mount, Call::new(request, name, values)).await?;
        Ok(match ignored {
            // A warning would make an answer of what is not there, which is a 404.
            Some(_) if is_read && response == Response::empty() => response,
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
        exists(mount, Call::new(request, name, Values::new())).await.map(Some)
    }

    /// The paths for which a policy has to grant `sudo`, as [`SpecialPaths::root`] wants them: `rotate-root/*`.
    ///
    /// [`SpecialPaths::root`]: crate::SpecialPaths::root
    pub fn sudo_paths(&self) -> Vec<String> {
        self.routes.iter().filter(|route| route.sudo).flat_map(Route::special_paths).collect()
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

/// A create has to bring all that is required, and so has every write where nothing tells creates from updates.
fn check_required<M: 'static>(route: &Route<M>, operation: Operation, values: &Values) -> Result<(), Failure> {
    let is_whole = operation == Operation::Create || (operation == Operation::Update && route.exists.is_none());
    let missing = route.fields.iter().find(|field| field.required && !values.contains_key(field.name));
    match missing {
        Some(field) if is_whole => {
            let hint = format!("send it as well: {}", field.description);
            Err(refuse(format!("{} is missing", field.name), hint))
        }
        _ => Ok(()),
    }
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::framework::example::{Answers, ROUTER, request};

    async fn handle(operation: Operation, path: &str, data: Value) -> Result<Response, Failure> {
        ROUTER.handle(&Answers, request(operation, path, data)).await
    }

    async fn data(operation: Operation, path: &str, data: Value) -> Value {
        Value::Object(handle(operation, path, data).await.unwrap().data.unwrap())
    }

    #[tokio::test]
    async fn a_handler_gets_the_name_and_the_fields() {
        let sent = json!({"region": "eu", "verify": "true", "ttl": "1h", "tags": "a,b", "secret": null});
        let expected = json!({"operation": "Update", "name": "main", "path": "config/main", "region": "eu",
            "verify": true, "ttl": 3600, "tags": ["a", "b"], "given": ["region", "tags", "ttl", "verify"]});
        assert_eq!(data(Operation::Update, "config/main", sent).await, expected);
        assert_eq!(data(Operation::Read, "deep/a/b/c", json!({})).await["name"], "a/b/c");
        assert_eq!(data(Operation::List, "config/", json!({})).await["name"], "");
        assert_eq!(data(Operation::Read, "config/main/usage", json!({})).await["name"], "main");
    }

    #[tokio::test]
    async fn what_there_is_not_is_told_apart() {
        for (operation, path, expected) in [
            (Operation::Read, "", Failure::UnsupportedPath),
            (Operation::Read, "nowhere", Failure::UnsupportedPath),
            (Operation::Read, "config/main/", Failure::UnsupportedPath),
            (Operation::Read, "config/main/more", Failure::UnsupportedPath),
            (Operation::Read, "config//usage", Failure::UnsupportedPath),
            (Operation::Read, "/config/main", Failure::UnsupportedPath),
            (Operation::Read, "deep/", Failure::UnsupportedPath),
            (Operation::Help, "nowhere", Failure::UnsupportedPath),
            (Operation::Read, "config/", Failure::UnsupportedOperation),
            (Operation::Update, "config", Failure::UnsupportedOperation),
            (Operation::Patch, "config/main", Failure::UnsupportedOperation),
            (Operation::List, "config/main", Failure::UnsupportedOperation),
            (Operation::Rollback, "config/main", Failure::UnsupportedOperation),
        ] {
            assert_eq!(handle(operation, path, json!({})).await, Err(expected), "{operation:?} {path}");
        }
    }

    #[tokio::test]
    async fn a_strange_name_is_refused_in_a_sentence() {
        for name in ["a b", "größe", "-a", "a-", ".", "..", "a%2Fb", "a\nb", &"x".repeat(129)] {
            let refused = handle(Operation::Read, &format!("config/{name}"), json!({})).await;
            let Err(Failure::InvalidRequest(sentence)) = refused else { panic!("{name}: {refused:?}") };
            assert!(sentence.starts_with("the name in the path ") && sentence.contains("\nhint: "), "{sentence}");
        }
    }

    #[tokio::test]
    async fn a_create_brings_what_is_required_and_an_update_need_not() {
        let missing = "secret is missing\nhint: send it as well: The client's secret.";
        let refused = handle(Operation::Create, "config/main", json!({"secret": null})).await;
        assert_eq!(refused, Err(Failure::invalid_request(missing)));
        assert!(handle(Operation::Create, "config/main", json!({"secret": "s"})).await.is_ok());
        assert!(handle(Operation::Update, "config/main", json!({})).await.is_ok());
        let refused = handle(Operation::Update, "rotate/main", json!({})).await;
        assert!(matches!(refused, Err(Failure::InvalidRequest(_))), "nothing tells creates from updates there");
    }

    #[tokio::test]
    async fn fields_that_nobody_knows_are_ignored_and_named() {
        let warnings = async |operation, path, sent| handle(operation, path, sent).await.unwrap().warnings;
        let sent = json!({"zeal": 1, "region": "eu", "name": "other", "angst": null});
        assert_eq!(
            warnings(Operation::Update, "config/main", sent).await,
            ["Endpoint ignored these unrecognized parameters: [angst zeal]"]
        );
        assert!(warnings(Operation::Update, "config/main", json!({"name": "other"})).await.is_empty());
        assert!(warnings(Operation::Read, "deep/a", json!({"anything": [1]})).await.is_empty(), "it takes any");
        let not_there = handle(Operation::Read, "config/gone", json!({"zeal": 1})).await;
        assert_eq!(not_there, Ok(Response::empty()), "which the host shows as 404");
    }

    #[tokio::test]
    async fn creates_are_told_from_updates_where_a_route_can() {
        let exists = async |path| ROUTER.exists(&Answers, request(Operation::Update, path, json!({"ttl": -1}))).await;
        assert_eq!(exists("config/main").await, Ok(Some(true)));
        assert_eq!(exists("config/gone").await, Ok(Some(false)));
        assert_eq!(exists("config/a b").await, Ok(Some(false)), "the write itself is refused in words");
        assert_eq!(exists("rotate/main").await, Ok(None));
        assert_eq!(exists("nowhere").await, Ok(None));
        assert_eq!(exists("config/broken").await, Err(Failure::internal("it broke")));
    }

    #[tokio::test]
    async fn a_handlers_failure_is_passed_on() {
        let failed = handle(Operation::Read, "config/broken", json!({})).await;
        assert_eq!(failed, Err(Failure::internal("it broke")));
    }

    #[test]
    fn paths_for_the_few_are_in_the_hosts_own_notation() {
        assert_eq!(ROUTER.sudo_paths(), ["rotate/*"]);
    }

    #[test]
    fn the_first_route_that_matches_is_taken() {
        const NONE: &[crate::framework::Answer<Answers>] = &[];
        static OVERLAPPING: Router<Answers> = Router {
            about: "",
            routes: &[
                Route {
                    path: "a/b",
                    summary: "first",
                    help: "",
                    fields: &[],
                    operations: NONE,
                    exists: None,
                    sudo: false,
                },
                Route {
                    path: "a/:x",
                    summary: "second",
                    help: "",
                    fields: &[],
                    operations: NONE,
                    exists: None,
                    sudo: false,
                },
            ],
        };
        let found = |path| OVERLAPPING.route(path).map(|(route, parameter)| (route.summary, parameter));
        assert_eq!((found("a/b"), found("a/c")), (Some(("first", "")), Some(("second", "c"))));
    }
}
