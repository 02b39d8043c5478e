//! Converts between the wire's messages and the engine's types.

use std::time::SystemTime;

use serde_json::{Map, Value};

use super::backend::{HeldLease, Lease, Operation, Request, Response, SpecialPaths};
use super::failure::Failure;
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
    /// A renewed lease keeps its issue time. A new one is issued now.
    pub(crate) fn of(request: Option<&pb::Request>, now: SystemTime) -> Self {
        let held = request.and_then(|request| request.secret.as_ref());
        let issued_at = held.and_then(|held| held.lease_options.as_ref()?.issue_time);
        Self {
            lease_id: held.map(|held| held.lease_id.clone()).unwrap_or_default(),
            issued_at: issued_at.and_then(|time| time.try_into().ok()).unwrap_or(now),
        }
    }
}

fn response(answer: Response, asked: &Asked) -> pb::Response {
    pb::Response {
        secret: answer.lease.map(|lease| secret(lease, asked)),
        data: json(answer.data),
        redirect: String::new(),
        warnings: answer.warnings,
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

/// Parses a JSON object. An empty text and null are an empty object.
fn object(text: &str) -> Result<Map<String, Value>, Failure> {
    if text.is_empty() {
        return Ok(Map::new());
    }
    let parsed: Option<Map<String, Value>> = serde_json::from_str(text)
        // The parser's message may quote the data.
        .map_err(|_| Failure::invalid_request("the request's data is not a JSON object"))?;
    Ok(parsed.unwrap_or_default())
}

/// JSON text for the host, which cannot parse an empty text.
fn json(data: Option<Map<String, Value>>) -> String {
    data.map_or_else(|| "null".to_owned(), |data| Value::Object(data).to_string())
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
