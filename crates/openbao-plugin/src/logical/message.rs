//! Converts between the wire's messages and the engine's types.

use std::time::SystemTime;

use serde_json::{Map, Value};

use super::auth::HeldAuth;
use super::backend::SpecialPaths;
use super::caller::{Connection, WrapRequest};
use super::cancellation::Cancellation;
use super::failure::Failure;
use super::lease::{HeldLease, Lease};
use super::request::{Operation, Request};
use super::response::Response;
use super::wire_json::{json, object};
use super::wire_time::{duration, nanoseconds};
use crate::proto::pb;

/// Values of `err_type` (sdk/plugin/pb/translation.go).
mod error_type {
    pub(crate) const UNKNOWN: u32 = 0;
    pub(crate) const INTERNAL: u32 = 2;
    pub(crate) const CODED: u32 = 3;
    pub(crate) const UNSUPPORTED_OPERATION: u32 = 5;
    pub(crate) const UNSUPPORTED_PATH: u32 = 6;
    pub(crate) const INVALID_REQUEST: u32 = 7;
    pub(crate) const PERMISSION_DENIED: u32 = 8;
    pub(crate) const UNRECOVERABLE: u32 = 10;
}

/// Converts a request. An unknown operation fails with `UnsupportedOperation`, which lets hosts add operations.
pub(crate) fn request(message: Option<pb::Request>) -> Result<Request, Failure> {
    let message = message.ok_or_else(|| Failure::internal("the host sent no request"))?;
    let operation: Operation = message.operation.parse().map_err(|_| Failure::UnsupportedOperation)?;
    Ok(Request {
        id: message.id,
        operation,
        path: message.path,
        data: object(&message.data)?,
        lease: message.secret.map(held_lease).transpose()?,
        headers: message.headers.into_iter().map(|(name, values)| (name, values.header)).collect(),
        display_name: message.display_name,
        entity_id: message.entity_id,
        mount_point: message.mount_point,
        mount_type: message.mount_type,
        mount_accessor: message.mount_accessor,
        auth: message.auth.map(HeldAuth::from_wire).transpose()?,
        token_accessor: message.client_token_accessor,
        token_uses: message.client_token_remaining_uses,
        unauthenticated: message.unauthenticated,
        connection: message.connection.map(Connection::from_wire),
        wrap: message.wrap_info.map(WrapRequest::from_wire),
        cancellation: Cancellation::new(),
    })
}

/// Converts the answer to a request.
pub(crate) fn reply(answer: Result<Response, Failure>, asked: &Asked) -> pb::HandleRequestReply {
    match answer {
        // The host treats only a missing response as empty.
        Ok(answer) if answer == Response::empty() => pb::HandleRequestReply::default(),
        Ok(answer) => pb::HandleRequestReply { response: Some(response(answer, asked)), err: None },
        Err(failure) => pb::HandleRequestReply { response: error_response(&failure), err: Some(error(&failure)) },
    }
}

/// The parts of a request that its answer repeats.
pub(crate) struct Asked {
    lease_id: String,
    issued_at: SystemTime,
}

impl Asked {
    /// A renewed lease or token keeps its issue time. A new one is issued now.
    pub(crate) fn of(request: Option<&pb::Request>, now: SystemTime) -> Self {
        let held = request.and_then(|request| request.secret.as_ref());
        let auth = request.and_then(|request| request.auth.as_ref());
        let options = held.and_then(|held| held.lease_options.as_ref());
        let issued_at = options.or_else(|| auth?.lease_options.as_ref()).and_then(|options| options.issue_time);
        Self {
            lease_id: held.map(|held| held.lease_id.clone()).unwrap_or_default(),
            issued_at: issued_at.and_then(|time| time.try_into().ok()).unwrap_or(now),
        }
    }
}

fn response(answer: Response, asked: &Asked) -> pb::Response {
    pb::Response {
        secret: answer.lease.map(|lease| secret(lease, asked)),
        auth: answer.auth.map(|auth| auth.into_wire(asked.issued_at)),
        data: json(answer.data),
        redirect: answer.redirect,
        warnings: answer.warnings,
        wrap_info: answer.wrap_ttl.map(|ttl| pb::ResponseWrapInfo { ttl: nanoseconds(ttl), ..Default::default() }),
        headers: answer.headers.into_iter().map(|(name, header)| (name, pb::Header { header })).collect(),
    }
}

fn secret(lease: Lease, asked: &Asked) -> pb::Secret {
    let options = pb::LeaseOptions {
        ttl: nanoseconds(lease.ttl),
        renewable: lease.renewable,
        increment: 0,
        issue_time: Some(asked.issued_at.into()),
        max_ttl: nanoseconds(lease.max_ttl),
    };
    let internal_data = json(Some(lease.internal_data));
    pb::Secret { lease_options: Some(options), internal_data, lease_id: asked.lease_id.clone() }
}

fn held_lease(secret: pb::Secret) -> Result<HeldLease, Failure> {
    let options = secret.lease_options.unwrap_or_default();
    let lease = Lease {
        ttl: duration(options.ttl),
        max_ttl: duration(options.max_ttl),
        renewable: options.renewable,
        internal_data: object(&secret.internal_data)?,
    };
    let issued_at = options.issue_time.and_then(|time| time.try_into().ok());
    Ok(HeldLease { lease, id: secret.lease_id, increment: duration(options.increment), issued_at })
}

/// Converts the special paths.
pub(crate) fn special_paths(paths: SpecialPaths) -> pb::SpecialPathsReply {
    let SpecialPaths { root, unauthenticated, local_storage, seal_wrap_storage } = paths;
    pb::SpecialPathsReply { paths: Some(pb::Paths { root, unauthenticated, local_storage, seal_wrap_storage }) }
}

/// Converts a failure. The host distinguishes kinds by `err_type`.
pub(crate) fn error(failure: &Failure) -> pb::ProtoError {
    let (err_type, err_code) = match failure {
        Failure::InvalidRequest(_) => (error_type::INVALID_REQUEST, 0),
        Failure::PermissionDenied => (error_type::PERMISSION_DENIED, 0),
        Failure::UnsupportedPath => (error_type::UNSUPPORTED_PATH, 0),
        Failure::UnsupportedOperation => (error_type::UNSUPPORTED_OPERATION, 0),
        Failure::Status(status, _) => (error_type::CODED, i64::from(*status)),
        Failure::Internal(_) => (error_type::INTERNAL, 0),
        Failure::Unrecoverable(_) => (error_type::UNRECOVERABLE, 0),
        // The host recognizes its own errors by their text.
        Failure::Host(_) => (error_type::UNKNOWN, 0),
    };
    pb::ProtoError { err_type, err_msg: failure.to_string(), err_code }
}

/// The response beside the error of a 400: the host takes the text from there.
fn error_response(failure: &Failure) -> Option<pb::Response> {
    let Failure::InvalidRequest(text) = failure else { return None };
    let mut data = Map::new();
    data.insert("error".to_owned(), Value::from(text.as_str()));
    Some(pb::Response { data: json(Some(data)), ..pb::Response::default() })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::go_plugin::host_error::HostError;

    #[test]
    fn each_failure_has_its_error_type() {
        for (failure, expected) in [
            (Failure::invalid_request("say more"), (7, "say more", 0)),
            (Failure::PermissionDenied, (8, "permission denied", 0)),
            (Failure::UnsupportedPath, (6, "unsupported path", 0)),
            (Failure::UnsupportedOperation, (5, "unsupported operation", 0)),
            (Failure::Status(503, "come back later".to_owned()), (3, "come back later", 503)),
            (Failure::internal("it broke"), (2, "it broke", 0)),
            (Failure::unrecoverable("it is lost"), (10, "it is lost", 0)),
            (Failure::Host(HostError::new("the host's words")), (0, "the host's words", 0)),
        ] {
            let error = error(&failure);
            assert_eq!((error.err_type, error.err_msg.as_str(), error.err_code), expected);
        }
        assert_eq!(error_response(&Failure::invalid_request("say more")).unwrap().data, r#"{"error":"say more"}"#);
    }

    #[test]
    fn response_data_is_always_json() {
        let asked = Asked::of(None, SystemTime::UNIX_EPOCH);
        assert!(reply(Ok(Response::empty()), &asked).response.is_none());
        let warned = reply(Ok(Response::empty().warning("mind the gap")), &asked).response.unwrap();
        assert_eq!(warned.data, "null");
        for text in ["", "null", "{}"] {
            assert_eq!(object(text), Ok(Map::new()), "{text}");
        }
    }

    #[test]
    fn an_answer_carries_headers_a_redirect_and_a_wrapping_time() {
        let mut answer = Response::empty().header("X-Age", "1").header("X-Age", "2").wrapped(Duration::from_secs(5));
        answer.redirect = "https://login.example.com".to_owned();
        let sent = reply(Ok(answer), &Asked::of(None, SystemTime::UNIX_EPOCH)).response.unwrap();
        assert_eq!(
            (sent.headers["X-Age"].header.as_slice(), sent.redirect.as_str()),
            (&["1".to_owned(), "2".to_owned()][..], "https://login.example.com")
        );
        assert_eq!(sent.wrap_info.unwrap().ttl, 5_000_000_000);
    }

    #[test]
    fn a_request_carries_its_caller() {
        let connection =
            pb::Connection { remote_addr: "10.0.0.1".to_owned(), remote_port: 4711, connection_state: None };
        let wrap_info = Some(pb::RequestWrapInfo { ttl: 5_000_000_000, format: "jwt".to_owned(), seal_wrap: false });
        let message = pb::Request {
            operation: "update".to_owned(),
            client_token_accessor: "accessor".to_owned(),
            client_token_remaining_uses: 3,
            unauthenticated: true,
            connection: Some(connection),
            wrap_info,
            ..Default::default()
        };
        let request = request(Some(message)).unwrap();
        assert_eq!(
            (request.token_accessor.as_str(), request.token_uses, request.unauthenticated),
            ("accessor", 3, true)
        );
        let (connection, wrap) = (request.connection.unwrap(), request.wrap.unwrap());
        assert_eq!((connection.remote_address.as_str(), connection.remote_port), ("10.0.0.1", 4711));
        assert_eq!((wrap.ttl, wrap.format.as_str()), (Duration::from_secs(5), "jwt"));
    }

    #[test]
    fn a_renewed_lease_keeps_its_issue_time_and_id() {
        let issued_at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let now = issued_at + Duration::from_secs(60);
        let internal_data = object(r#"{"key":"a"}"#).unwrap();
        let lease = Lease { ttl: Duration::from_secs(5), max_ttl: Duration::MAX, renewable: true, internal_data };
        let first = secret(lease.clone(), &Asked::of(None, now));
        assert_eq!(first.lease_options.unwrap().issue_time, Some(now.into()));
        let held = pb::Secret {
            lease_options: Some(pb::LeaseOptions { issue_time: Some(issued_at.into()), ..Default::default() }),
            lease_id: "creds/ci/1".to_owned(),
            ..Default::default()
        };
        let asked = pb::Request { secret: Some(held), ..Default::default() };
        let renewed = secret(lease, &Asked::of(Some(&asked), now));
        let options = renewed.lease_options.unwrap();
        assert_eq!((options.ttl, options.max_ttl), (5_000_000_000, i64::MAX), "nanoseconds, clamped to i64");
        assert_eq!((options.issue_time, renewed.lease_id.as_str()), (Some(issued_at.into()), "creds/ci/1"));
        assert_eq!(renewed.internal_data, json!({"key": "a"}).to_string());
    }
}

#[cfg(test)]
mod properties {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use prost::Message;

    use super::*;

    const HUSH: &str = "Hu5hhUsh";

    fn data() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            any::<String>().prop_map(|text| format!("{{\"a\":\"{HUSH}\",{text}")),
            any::<String>().prop_map(|text| serde_json::json!({"a": text, "b": [text, 1.5, null]}).to_string()),
            Just("null".to_owned()),
            Just(format!("[\"{HUSH}\"]")),
        ]
    }

    /// A request's message: messages are not printable.
    #[derive(Clone, Debug)]
    struct Sent {
        operation: String,
        path: String,
        data: String,
        lease: Option<SentLease>,
    }

    #[derive(Clone, Debug)]
    struct SentLease {
        id: String,
        internal_data: String,
        options: Option<(i64, i64, i64)>,
        issued_at: Option<(i64, i32)>,
    }

    impl Sent {
        fn message(&self) -> pb::Request {
            let secret = self.lease.as_ref().map(|lease| pb::Secret {
                lease_options: lease.options.map(|(ttl, increment, max_ttl)| {
                    let issue_time = lease.issued_at;
                    let issue_time = issue_time.map(|(seconds, nanos)| prost_types::Timestamp { seconds, nanos });
                    pb::LeaseOptions { ttl, increment, max_ttl, issue_time, renewable: true }
                }),
                internal_data: lease.internal_data.clone(),
                lease_id: lease.id.clone(),
            });
            let Self { operation, path, data, .. } = self.clone();
            pb::Request { operation, path, data, secret, ..pb::Request::default() }
        }
    }

    fn sent() -> impl Strategy<Value = Sent> {
        let operations = ["create", "read", "update", "patch", "delete", "list", "renew", "revoke", "rollback"];
        let operation = prop_oneof![any::<String>(), prop::sample::select(operations.to_vec()).prop_map(str::to_owned)];
        let lease = (any::<String>(), data(), any::<Option<(i64, i64, i64)>>(), any::<Option<(i64, i32)>>())
            .prop_map(|(id, internal_data, options, issued_at)| SentLease { id, internal_data, options, issued_at });
        (operation, any::<String>(), data(), prop::option::of(lease)).prop_map(|(operation, path, data, lease)| Sent {
            operation,
            path,
            data,
            lease,
        })
    }

    /// Converts a request, and answers it with its own data and lease.
    fn answer(message: Option<pb::Request>) -> Result<pb::HandleRequestReply, TestCaseError> {
        let now = SystemTime::UNIX_EPOCH;
        let asked = Asked::of(message.as_ref(), now);
        let answer = match request(message) {
            Ok(request) => {
                let printed = format!("{request:?}");
                prop_assert!(!printed.contains(HUSH), "{}", printed);
                let lease = request.lease.map(|held| held.lease);
                Ok(Response { lease, data: Some(request.data), ..Response::empty() })
            }
            Err(failure) => {
                prop_assert!(!format!("{failure} {failure:?}").contains(HUSH), "{failure}");
                Err(failure)
            }
        };
        let reply = reply(answer, &asked);
        if let Some(response) = &reply.response {
            prop_assert!(serde_json::from_str::<Value>(&response.data).is_ok(), "hosts parse it: {}", response.data);
        }
        prop_assert!(pb::HandleRequestReply::decode(&*reply.encode_to_vec()).is_ok_and(|decoded| decoded == reply));
        Ok(reply)
    }

    proptest! {
        #[test]
        fn no_request_panics_or_is_quoted_in_an_error(sent in sent()) {
            let is_object = |text: &str| text.is_empty() || serde_json::from_str::<Option<Map<String, Value>>>(text).is_ok();
            let is_valid = sent.operation.parse::<Operation>().is_ok()
                && is_object(&sent.data)
                && sent.lease.as_ref().is_none_or(|lease| is_object(&lease.internal_data));
            let reply = answer(Some(sent.message()))?;
            prop_assert_eq!(reply.err.is_none(), is_valid);
            if is_valid {
                let answered = reply.response.and_then(|response| response.secret).map(|secret| secret.lease_id);
                prop_assert_eq!(answered, sent.lease.map(|lease| lease.id));
            }
        }

        #[test]
        fn no_bytes_panic(bytes in vec(any::<u8>(), 0..200), sent in sent(), cut in any::<prop::sample::Index>()) {
            let mut damaged = pb::HandleRequestArgs { storage_id: 1, request: Some(sent.message()) }.encode_to_vec();
            let at = cut.index(damaged.len());
            damaged.splice(at..(at + 1), bytes.iter().copied());
            for bytes in [bytes, damaged] {
                if let Ok(arguments) = pb::HandleRequestArgs::decode(&*bytes) {
                    answer(arguments.request)?;
                }
            }
        }
    }
}
