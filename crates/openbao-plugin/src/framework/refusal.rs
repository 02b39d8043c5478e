//! The error of an invalid request.

use crate::logical::failure::Failure;

/// 400, with a text that says what is wrong and, on a second line, a hint that says what to change.
///
/// Neither may hold the value of a sensitive field.
pub fn refuse(problem: impl AsRef<str>, hint: impl AsRef<str>) -> Failure {
    Failure::InvalidRequest(format!("{}\nhint: {}", problem.as_ref(), hint.as_ref()))
}
