//! A table of routes for the tests. The handlers echo the call.

use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

use super::call::Call;
use super::field::Field;
use super::route::Route;
use super::router::Router;
use crate::logical::failure::Failure;
use crate::logical::request::{Operation, Request};
use crate::logical::response::Response;

/// A mount on which `gone` does not exist and `broken` fails.
pub(super) struct Echo;

pub(super) static ROUTER: Router<Echo> = Router::new(
    "Keeps tokens fresh.\n\nWrite config/ first.",
    &[
        Route::new("config/", "Lists the clients.").help("By their names.").list("Lists clients.", echo).navigation(),
        Route::new("config/:name", "An OAuth client.")
            .help("The secret is never shown again.\n")
            .fields(FIELDS)
            .fields(MORE_FIELDS)
            .write("Changes one.", echo)
            .read("Shows one.", echo)
            .returns(&[Field::integer("uses", "How often it was used.")])
            .patch("Changes some fields.", echo)
            .delete("Deletes one.", echo)
            .exists(exists)
            .item_type("Client")
            .action("Configure"),
        Route::new("config/:name/usage", "Who uses a client.")
            .fields(&[Field::duration("ttl", "How far to look back.")])
            .read("Shows it.", echo),
        Route::new("rotate/:name", "Rotates now.").fields(FIELDS).write("Rotates.", echo).sudo(),
        Route::new("config/:name/keys/:id", "A key of a client.").read("Shows one.", echo),
        Route::new("deep/*key", "Takes anything.")
            .fields(&[Field::rest("Anything.")])
            .read("Reads.", echo)
            .list("Lists.", echo),
    ],
);

const FIELDS: &[Field] = &[
    Field::text("region", "Where the client lives.").default("us-east-1").label("Region").group("Place"),
    Field::text("secret", "The client's secret.").required().sensitive(),
    Field::boolean("verify", "Whether to try it.").default("true"),
    Field::duration("ttl", "How long tokens live.").default("1h"),
    Field::texts("tags", "Words to find it by.").default("none"),
];

const MORE_FIELDS: &[Field] = &[
    Field::text("format", "The format of the token.").one_of(&["json", "jwt"]).default("json"),
    Field::integer("uses", "How often a token may be used.").default("0"),
    Field::map("labels", "Free words.").editor("textarea"),
    Field::header("headers", "What to send along."),
];

fn echo(_: &Echo, call: Call) -> BoxFuture<'_, Result<Response, Failure>> {
    Box::pin(async move {
        match call.name() {
            "gone" => return Ok(Response::empty()),
            "broken" => return Err(Failure::internal("it broke")),
            _ => {}
        }
        let mut data = Map::new();
        data.insert("operation".to_owned(), Value::from(format!("{:?}", call.operation())));
        data.insert("name".to_owned(), Value::from(call.name()));
        data.insert("path".to_owned(), Value::from(call.request().path.as_str()));
        let mut given: Vec<_> = FIELDS.iter().map(|field| field.name).filter(|field| call.is_given(field)).collect();
        given.sort_unstable();
        if !given.is_empty() {
            data.insert("given".to_owned(), Value::from(given));
        }
        if !call.parameter("id").is_empty() {
            data.insert("id".to_owned(), Value::from(call.parameter("id")));
        }
        if call.operation() == Operation::List {
            data.insert("page".to_owned(), serde_json::json!([call.page().after, call.page().limit]));
        }
        let nulls: Vec<_> = FIELDS.iter().map(|field| field.name).filter(|field| call.is_null(field)).collect();
        if !nulls.is_empty() && call.operation() == Operation::Patch {
            data.insert("removed".to_owned(), Value::from(nulls));
        }
        let values = [
            ("uses", call.integer("uses").map(Value::from)),
            ("labels", call.map("labels").cloned().map(Value::Object)),
            ("headers", call.header("headers").map(|headers| serde_json::json!(headers))),
            ("region", call.text("region").map(Value::from)),
            ("verify", call.boolean("verify").map(Value::from)),
            ("ttl", call.duration("ttl").map(|ttl| Value::from(ttl.as_secs()))),
            ("tags", call.texts("tags").map(Value::from)),
        ];
        data.extend(values.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        Ok(Response::with_data(data))
    })
}

fn exists(_: &Echo, call: Call) -> BoxFuture<'_, Result<bool, Failure>> {
    Box::pin(async move {
        match call.name() {
            "broken" => Err(Failure::internal("it broke")),
            name => Ok(name != "gone"),
        }
    })
}

/// Builds a request.
pub(super) fn request(operation: Operation, path: &str, data: Value) -> Request {
    let Value::Object(data) = data else { panic!("data is not an object") };
    Request { data, ..Request::new(operation, path) }
}
