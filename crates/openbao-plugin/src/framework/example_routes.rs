//! A table of routes for the tests. The handlers echo the call.

use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

use super::call::Call;
use super::field::{Field, FieldKind};
use super::route::{Route, RouteOperation};
use super::router::Router;
use crate::logical::backend::{Operation, Request, Response};
use crate::logical::failure::Failure;

/// A mount on which `gone` does not exist and `broken` fails.
pub(super) struct Echo;

pub(super) static ROUTER: Router<Echo> = Router {
    about: "Keeps tokens fresh.\n\nWrite config/ first.",
    routes: &[
        Route {
            path: "config/",
            summary: "Lists the clients.",
            help: "By their names.",
            fields: &[],
            operations: &[operation(Operation::List, "Lists clients.")],
            exists: None,
            sudo: false,
        },
        Route {
            path: "config/:name",
            summary: "An OAuth client.",
            help: "The secret is never shown again.\n",
            fields: FIELDS,
            operations: &[
                operation(Operation::Create, "Creates one."),
                operation(Operation::Update, "Changes one."),
                operation(Operation::Read, "Shows one."),
                operation(Operation::Delete, "Deletes one."),
            ],
            exists: Some(exists),
            sudo: false,
        },
        Route {
            path: "config/:name/usage",
            summary: "Who uses a client.",
            help: "",
            fields: &[field("ttl", FieldKind::Duration, "How far to look back.")],
            operations: &[operation(Operation::Read, "Shows it.")],
            exists: None,
            sudo: false,
        },
        Route {
            path: "rotate/:name",
            summary: "Rotates now.",
            help: "",
            fields: FIELDS,
            operations: &[operation(Operation::Update, "Rotates.")],
            exists: None,
            sudo: true,
        },
        Route {
            path: "deep/*key",
            summary: "Takes anything.",
            help: "",
            fields: &[field("*", FieldKind::Map, "Anything.")],
            operations: &[operation(Operation::Read, "Reads."), operation(Operation::List, "Lists.")],
            exists: None,
            sudo: false,
        },
    ],
};

const FIELDS: &[Field] = &[
    Field { default: Some("us-east-1"), ..field("region", FieldKind::Text, "Where the client lives.") },
    Field { required: true, sensitive: true, ..field("secret", FieldKind::Text, "The client's secret.") },
    Field { default: Some("true"), ..field("verify", FieldKind::Boolean, "Whether to try it.") },
    Field { default: Some("1h"), ..field("ttl", FieldKind::Duration, "How long tokens live.") },
    Field { default: Some("none"), ..field("tags", FieldKind::TextList, "Words to find it by.") },
];

const fn field(name: &'static str, kind: FieldKind, description: &'static str) -> Field {
    Field { name, kind, required: false, default: None, sensitive: false, description }
}

const fn operation(operation: Operation, summary: &'static str) -> RouteOperation<Echo> {
    RouteOperation { operation, summary, handler: echo }
}

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
        let values = [
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
    Request {
        id: "1".to_owned(),
        operation,
        path: path.to_owned(),
        data,
        lease: None,
        headers: Default::default(),
        display_name: "root".to_owned(),
        entity_id: String::new(),
        mount_point: "genesys-cloud/".to_owned(),
        mount_type: "genesys".to_owned(),
        mount_accessor: String::new(),
    }
}
