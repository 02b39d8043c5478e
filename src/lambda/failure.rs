//! A failed step, as Lambda shows it to whoever called.

use lambda_runtime::Diagnostic;

use crate::rotation::RotationError;

/// Becomes the answer `{"errorType": …, "errorMessage": …}`: the sentence, and what to do.
/// Correlation ids are in the sentence; causes are in the log alone.
#[derive(Debug)]
pub struct Failure(pub RotationError);

impl From<Failure> for Diagnostic {
    fn from(Failure(error): Failure) -> Self {
        Self { error_type: error.kind().name().to_owned(), error_message: format!("{error} (hint: {})", error.hint()) }
    }
}
