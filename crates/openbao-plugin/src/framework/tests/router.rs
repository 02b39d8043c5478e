//! Requests to the example routes.

use serde_json::{Value, json};

use crate::framework::example_routes::{Echo, ROUTER, request};
use crate::framework::route::Route;
use crate::framework::router::Router;
use crate::logical::failure::Failure;
use crate::logical::request::Operation;
use crate::logical::response::Response;

async fn handle(operation: Operation, path: &str, data: Value) -> Result<Response, Failure> {
    ROUTER.handle(&Echo, request(operation, path, data)).await
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
    let key = data(Operation::Read, "config/main/keys/7", json!({})).await;
    assert_eq!((&key["name"], &key["id"]), (&json!("main"), &json!("7")));
    let sent = json!({"uses": "3", "labels": {"a": 1}, "headers": ["x-id:7"], "secret": "s"});
    let got = data(Operation::Update, "config/main", sent).await;
    assert_eq!((&got["uses"], &got["labels"], &got["headers"]), (&json!(3), &json!({"a": 1}), &json!({"X-Id": ["7"]})));
}

#[tokio::test]
async fn a_list_has_pages() {
    for (sent, expected) in [
        (json!({}), json!(["", null])),
        (json!({"after": "b", "limit": "2"}), json!(["b", 2])),
        (json!({"limit": 0}), json!(["", null])),
        (json!({"limit": -1}), json!(["", null])),
    ] {
        assert_eq!(data(Operation::List, "config/", sent).await["page"], expected);
    }
    let refused = handle(Operation::List, "config/", json!({"limit": "many"})).await;
    assert!(refused.is_err_and(|failure| failure.to_string().starts_with("limit is not a whole number\n")));
}

#[tokio::test]
async fn a_patch_needs_no_required_field_and_removes_with_null() {
    let patched = data(Operation::Patch, "config/main", json!({"region": null, "uses": 4})).await;
    assert_eq!((&patched["removed"], &patched["uses"]), (&json!(["region"]), &json!(4)));
}

#[tokio::test]
async fn a_value_that_is_not_enumerated_is_refused_with_the_list() {
    let refused = handle(Operation::Update, "config/main", json!({"format": "xml"})).await;
    let text = "format is not one of the allowed values\nhint: send one of: json, jwt";
    assert_eq!(refused, Err(Failure::invalid_request(text)));
}

#[tokio::test]
async fn unknown_paths_and_operations_have_their_own_failures() {
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
        (Operation::Patch, "rotate/main", Failure::UnsupportedOperation),
        (Operation::List, "config/main", Failure::UnsupportedOperation),
        (Operation::Rollback, "config/main", Failure::UnsupportedOperation),
    ] {
        assert_eq!(handle(operation, path, json!({})).await, Err(expected), "{operation:?} {path}");
    }
}

#[tokio::test]
async fn an_invalid_name_is_refused_with_a_hint() {
    let refused = handle(Operation::Read, "config/main/keys/a b", json!({})).await;
    assert!(refused.is_err_and(|failure| failure.to_string().starts_with("the id in the path is not a valid name\n")));
    for name in ["a b", "größe", "-a", "a-", ".", "..", "a%2Fb", "a\nb", &"x".repeat(129)] {
        let refused = handle(Operation::Read, &format!("config/{name}"), json!({})).await;
        let Err(Failure::InvalidRequest(text)) = refused else { panic!("{name}: {refused:?}") };
        assert!(text.starts_with("the name in the path ") && text.contains("\nhint: "), "{text}");
    }
}

#[tokio::test]
async fn required_fields_are_required_for_a_create_only() {
    let missing = "secret is missing\nhint: send secret: The client's secret.";
    let refused = handle(Operation::Create, "config/main", json!({"secret": null})).await;
    assert_eq!(refused, Err(Failure::invalid_request(missing)));
    assert!(handle(Operation::Create, "config/main", json!({"secret": "s"})).await.is_ok());
    assert!(handle(Operation::Update, "config/main", json!({})).await.is_ok());
    let refused = handle(Operation::Update, "rotate/main", json!({})).await;
    assert!(matches!(refused, Err(Failure::InvalidRequest(_))), "the route has no exists");
}

#[tokio::test]
async fn unknown_fields_are_named_in_a_warning() {
    let warnings = async |operation, path, sent| handle(operation, path, sent).await.unwrap().warnings;
    let sent = json!({"zeal": 1, "region": "eu", "name": "other", "angst": null});
    assert_eq!(
        warnings(Operation::Update, "config/main", sent).await,
        ["Endpoint ignored these unrecognized parameters: [angst zeal]"]
    );
    assert!(warnings(Operation::Update, "config/main", json!({"name": "other"})).await.is_empty());
    assert!(
        warnings(Operation::Read, "deep/a", json!({"anything": [1]})).await.is_empty(),
        "the route accepts any field"
    );
    let not_there = handle(Operation::Read, "config/gone", json!({"zeal": 1})).await;
    assert_eq!(not_there, Ok(Response::empty()), "the host answers 404");
}

#[tokio::test]
async fn exists_distinguishes_creates_from_updates() {
    let exists = async |path| ROUTER.exists(&Echo, request(Operation::Update, path, json!({"ttl": -1}))).await;
    assert_eq!(exists("config/main").await, Ok(Some(true)));
    assert_eq!(exists("config/gone").await, Ok(Some(false)));
    assert_eq!(exists("config/a b").await, Ok(Some(false)), "the write itself is refused");
    assert_eq!(exists("rotate/main").await, Ok(None));
    assert_eq!(exists("nowhere").await, Ok(None));
    assert_eq!(exists("config/broken").await, Err(Failure::internal("it broke")));
}

#[tokio::test]
async fn a_handlers_failure_is_returned() {
    let failed = handle(Operation::Read, "config/broken", json!({})).await;
    assert_eq!(failed, Err(Failure::internal("it broke")));
}

#[test]
fn sudo_paths_use_the_hosts_syntax() {
    assert_eq!(ROUTER.sudo_paths(), ["rotate/*"]);
}

#[test]
fn the_first_matching_route_wins() {
    static OVERLAPPING: Router<Echo> = Router::new("", &[Route::new("a/b", "first"), Route::new("a/:x", "second")]);
    let found = |path| OVERLAPPING.route(path).map(|(route, parameters)| (route.summary, parameters.len()));
    assert_eq!((found("a/b"), found("a/c")), (Some(("first", 0)), Some(("second", 1))));
}
