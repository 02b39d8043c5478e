//! The pages of a list, one per line.

use std::collections::HashSet;

use reqwest::Method;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::caller::{CallError, Caller};
use crate::cli::exit::Exit;
use crate::platform::{Api, ApiCall, ApiPath};
use crate::rotation::{ErrorKind, Result, RotationError};

/// The maximum size of a page, in bytes.
const LARGEST_PAGE: usize = 64 * 1024 * 1024;

/// The links to the next page (Platform API: the EntityListing models, the SearchResponse models, and the listings
/// by cursor).
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Links {
    next_uri: Option<Value>,
    next_page: Option<Value>,
    next_cursor: Option<Value>,
    cursor: Option<Value>,
}

/// Prints the first page and the pages that follow it.
///
/// # Errors
/// A page that cannot be read, links outside the API, or links to an earlier page. The pages before it were printed.
pub(super) async fn print(caller: &mut Caller<'_>, first: ApiCall, most: u32) -> std::result::Result<Exit, CallError> {
    let mut seen = HashSet::new();
    let mut path = first.path;
    for count in 1..=most {
        let call = ApiCall { method: Method::GET, path: path.clone(), body: None };
        let body = caller.call(&call).await?.read_all(LARGEST_PAGE).await?;
        let next = next_of(&body, &path, &caller.api)?;
        if !caller.output.foreign(&one_line(&body)) {
            // A reader that closes the pipe early has what it needs.
            return Ok(Exit::Done);
        }
        seen.insert(path);
        path = match next {
            None => return Ok(Exit::Done),
            Some(next) if seen.contains(&next) => return Err(repeats(count).into()),
            Some(next) => next,
        };
    }
    let message = format!("{most} pages were printed, but more exist");
    caller.output.warning(&message, "raise --max-pages, request larger pages (?pageSize=…), or narrow the query");
    Ok(Exit::Failed)
}

fn next_of(page: &[u8], path: &ApiPath, api: &Api) -> Result<Option<ApiPath>> {
    serde_json::from_slice::<IgnoredAny>(page).map_err(|_| not_json())?;
    // JSON that is not an object, or has a link twice, has no next page.
    let links: Links = serde_json::from_slice(page).unwrap_or_default();
    let text = |value: &Option<Value>| {
        value.as_ref().and_then(Value::as_str).map(str::to_owned).filter(|text| !text.is_empty())
    };
    if let Some(uri) = text(&links.next_uri) {
        return api.follow(path, &uri).map(Some);
    }
    if let Some(next) = text(&links.next_page) {
        // A search returns a value for `q64`, other lists a link.
        let is_link = next.starts_with(['/', '\\', '?']) || next.contains(':');
        return if is_link { api.follow(path, &next).map(Some) } else { Ok(Some(path.with_parameter("q64", &next))) };
    }
    let cursor = text(&links.next_cursor).or_else(|| text(&links.cursor));
    Ok(cursor.map(|cursor| path.with_parameter("cursor", &cursor)))
}

/// The JSON text without insignificant whitespace, and with a final line break. Numbers keep their digits.
fn one_line(json: &[u8]) -> Vec<u8> {
    let mut line = Vec::with_capacity(json.len() + 1);
    let (mut in_text, mut escaped) = (false, false);
    for byte in json {
        let is_whitespace = matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        if in_text || !is_whitespace {
            line.push(*byte);
        }
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ => {}
        }
    }
    line.push(b'\n');
    line
}

fn not_json() -> RotationError {
    RotationError::new(ErrorKind::PlatformUnavailable, "a page of the response is not JSON")
        .with_hint("call the path without --paginate to see the response")
        .permanent()
}

fn repeats(count: u32) -> RotationError {
    let message = format!("page {count} links to a page that was already printed");
    RotationError::new(ErrorKind::PlatformUnavailable, message)
        .with_hint("the printed list may be incomplete: request its pages one by one, with pageNumber or cursor")
        .permanent()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_becomes_one_line_with_unchanged_strings_and_numbers() {
        let page = b"{\n  \"a b\" : \"c \\\" d\\\\\",\t\"n\":[ 1.50, 1e400 ]\r\n}";
        let line = String::from_utf8(one_line(page)).expect("the line is UTF-8");
        assert_eq!(line, "{\"a b\":\"c \\\" d\\\\\",\"n\":[1.50,1e400]}\n");
    }
}
