//! How a request is refused.

use crate::Failure;

/// 400, with a sentence that says what is wrong and, on a line of its own, what to do.
///
/// Neither may hold what the caller sent in a sensitive field.
pub fn refuse(sentence: impl AsRef<str>, hint: impl AsRef<str>) -> Failure {
    Failure::InvalidRequest(format!("{}\nhint: {}", sentence.as_ref(), hint.as_ref()))
}
